"""The search: Optuna asks, Ray's workers train."""
