"""What AION claims about speed, measured beside its peers in the same run; each script prints a table of its own."""
