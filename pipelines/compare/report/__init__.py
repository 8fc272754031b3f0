"""The modules of pipelines.compare.report."""
