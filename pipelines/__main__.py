"""`python -m pipelines` is `faceseg`."""

from pipelines.cli.commands import main

main()
