"""One turn, from question to recorded answer."""
