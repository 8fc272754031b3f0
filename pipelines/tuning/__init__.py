"""How an experiment is trained fastest on this machine: measured, stored, and used on request."""
