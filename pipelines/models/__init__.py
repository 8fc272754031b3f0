"""The modules of pipelines.models."""
