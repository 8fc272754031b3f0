"""A trained network applied to photographs of any size: predictor, label maps, ensembles, latency.

Comparing predictions with true labels is in `evaluation`; other runtimes are in `pipelines`.
"""
