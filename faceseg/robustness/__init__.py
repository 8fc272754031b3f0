"""Robustness suites (occ-v1, cor-v1, geo-v1), the counts of each condition, and their summaries.

Not here: running a network on a suite (`faceseg.evaluation.robustness`), and confidence
intervals (`faceseg.statistics`).
"""
