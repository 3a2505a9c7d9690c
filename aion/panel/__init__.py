"""Web pages: chat and everything a person steers. Pages are thin: each asks the HTTP API, as whoever is signed in."""
