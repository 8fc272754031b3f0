"""The modules of pipelines.cli."""
