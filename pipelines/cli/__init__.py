"""The command line: one function for each verb, with its arguments and exit codes.

Not here: what a verb does, which is in the room of its subject. Nothing heavy is imported at start.
"""

from pipelines.cli.commands import app, main

__all__ = ["app", "main"]
