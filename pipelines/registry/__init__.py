"""Model versions and aliases in MLflow's registry: registration, the pyfunc model, its card.

Not here: whether a version may become champion (`pipelines.promote`), and loading one for use
(`models`).
"""
