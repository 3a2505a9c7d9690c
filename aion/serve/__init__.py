"""HTTP: the OpenAI API, AION's own API, keys, errors."""
