"""The modules of pipelines.compare.study_data."""
