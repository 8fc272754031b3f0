"""How predictions hold when the image gets worse: occluders and their summaries."""
