"""One trial or final: its key, seed, context, outbox, checkpoints, results, and the study's log.

Not here: running the job (execution) and choosing it (search).
"""
