"""One training: a job folder in, the parts of an adapter out, on the very file that is served; it reads no store."""
