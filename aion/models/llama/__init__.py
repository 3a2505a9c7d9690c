"""llama.cpp in a supervised child process: start, prove, serve, swap, stop. Never inside the server's own process."""
