"""The page on which to try a model: a photograph, its labels, and what an occluder breaks."""
