"""Writes down what happened."""
