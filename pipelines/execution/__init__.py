"""The modules of pipelines.execution."""
