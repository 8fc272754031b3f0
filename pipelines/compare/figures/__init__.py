"""The charts of the comparison, drawn with matplotlib.

Not here: the figures that a single run logs (`pipelines.execution`).
"""
