"""When a night begins, its steps in their order, and how it stands still for people; it computes no gradient."""
