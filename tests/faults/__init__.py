"""Fault injectors, and the promises P1 and P2 held under them."""
