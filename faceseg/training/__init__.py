"""The training of one network: settings, steps, loss, optimizer, schedule, checkpoints, timing.

Choosing settings is in `pipelines`; the test on original images is in `evaluation`.
"""
