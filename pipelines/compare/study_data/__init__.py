"""What MLflow holds of a study: trials, final runs, worker time, the corruption reference.

Not here: anything computed from them (`analysis`).
"""
