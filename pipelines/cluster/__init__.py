"""The modules of pipelines.cluster."""
