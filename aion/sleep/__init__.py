"""Makes a Candidate out of experience, as a process of its own; it never serves and never decides what is served."""
