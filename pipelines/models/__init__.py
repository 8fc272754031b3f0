"""Open a trained model from a registry address, a run, a .keras file or an exported file.

Not here: writing exported files (`pipelines.export`) and registering versions (`registry`).
"""
