"""The modules of pipelines.compare.figures."""
