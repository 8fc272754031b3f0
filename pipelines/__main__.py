"""Run the command line as `python -m pipelines`."""

from pipelines.cli.commands import main

main()
