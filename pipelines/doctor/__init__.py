"""Checks of everything that a study needs, on every node of the cluster.

Not here: repairing what is wrong, and benchmarks (`pipelines.tune_machine`).
"""
