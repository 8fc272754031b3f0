"""Measure which split of one machine into workers trains fastest, store it, apply it to a study.

Not here: hyperparameter search, which is in `pipelines.search`.
"""
