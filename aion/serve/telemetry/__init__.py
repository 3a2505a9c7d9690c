"""Numbers about the past days: aggregates, their routes, what the machine was doing, and traces for other programs."""
