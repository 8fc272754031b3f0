"""The gate: compare a study's best final with the champion, decide, move the alias, roll back.

Not here: how an alias moves atomically (`pipelines.registry`) and the report on a study
(`compare`).
"""
