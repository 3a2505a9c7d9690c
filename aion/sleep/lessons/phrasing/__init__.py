"""Makes many wordings of one taught fact, mechanically, in English and Portuguese."""
