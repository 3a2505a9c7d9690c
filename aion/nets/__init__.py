"""The mathematics of learning: pure torch, no files, no sockets, no clocks."""
