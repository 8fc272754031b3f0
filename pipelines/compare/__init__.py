"""The comparison of a study's trained models: read from MLflow, computed, written as a report.

Not here: training or testing a model (`execution`), the decision to promote one (`promote`).
"""
