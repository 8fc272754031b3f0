"""The verb that tests a network of another program: judge."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import arguments

app = typer.Typer()


@app.command()
def judge(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The network: an .onnx, .tflite or .keras file.")
    ],
    *,
    classes: Annotated[
        Path,
        typer.Option(
            metavar="MAP.yaml",
            help="What each class id of the network is in the data, and what its input requires.",
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            metavar="EXPERIMENT",
            help="The experiment on whose test images it is tested: a YAML file or a name.",
            autocompletion=arguments.complete_experiment,
        ),
    ] = Path("lapa"),
    name: Annotated[
        str | None, typer.Option(help="The network's name in tables. Default: the file's.")
    ] = None,
    override: arguments.Overrides = None,
) -> None:
    """Test a network of another program as a study's finals are tested, beside them.

    A wrong layout, scaling or class map is reported instead of a score. A file that was judged
    with the same settings is not tested again.
    """
    settings = arguments.load_study(data, override)
    from pipelines.judge.judge import judge_file

    card = judge_file(file, classes, settings, arguments.console(), name=name)
    typer.echo(f"card: {card}")
