"""Run one job in this process: train, assess, measure the cost, log. Loads the framework.

Not here: Ray and Optuna (search), and what a job is (job).
"""
