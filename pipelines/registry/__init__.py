"""The modules of pipelines.registry."""
