"""The modules of pipelines.compare.analysis."""
