"""A study or a single training as a person starts it: checks, resuming, display, closing runs.

Not here: distributing a study's jobs (search) and running one of them (execution).
"""
