"""The stages of a study and its command line: Ray, Optuna and MLflow live here."""
