"""Ray as a cluster: connecting, calling actors, submitting and following jobs, versions, signals.

Not here: what a study does on the cluster (search).
"""
