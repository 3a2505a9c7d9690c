"""Tests of the room answer."""
