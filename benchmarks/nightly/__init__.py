"""The parts of benchmarks/nights.py: the world that is taught, the person who teaches it, and what is measured."""
