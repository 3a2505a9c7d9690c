"""Gate: examines what a night has made, and says whether it may be served."""
