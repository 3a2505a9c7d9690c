"""The door: one small file per verb."""
