"""Networks of other programs: the formats that run no code, MAP.yaml, and one interface to all.

Not here: testing such a network (`pipelines.judge`).
"""
