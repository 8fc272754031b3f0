"""Distribute a study's jobs on Ray: driver, workers, coordinator, Optuna trials, failure policy.

Not here: training and evaluation (execution), and how Ray is reached (cluster).
"""
