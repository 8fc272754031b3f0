"""The modules of pipelines.job."""
