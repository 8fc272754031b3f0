"""A network as a file for another runtime, run there and compared before it is kept."""
