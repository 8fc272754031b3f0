"""The modules of pipelines.studies."""
