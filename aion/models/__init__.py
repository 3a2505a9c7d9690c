"""Things that generate or embed, behind two small protocols."""
