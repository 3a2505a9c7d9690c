"""Keeps rows, vectors and bytes, and loses none."""
