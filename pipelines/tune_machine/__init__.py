"""The modules of pipelines.tune_machine."""
