"""A model behind HTTP, on Ray Serve: a photograph in, its label map out."""
