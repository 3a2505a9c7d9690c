"""What may be learned from a person's days, sorted into themes and written as examples; it trains nothing."""
