"""`python -m pipelines` is `faceseg`."""

from pipelines.cli import main

main()
