"""The panel: pages, signing in, and what must never run in them."""
