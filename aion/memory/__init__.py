"""Remembers, recalls, forgets: hybrid search over what one person said, taught and brought in."""
