"""The modules of pipelines.data."""
