"""The command line: `faceseg VERB EXPERIMENT`. Nothing heavy is imported before it is needed.

A mistake of the user's prints one paragraph and exits with 2; Ctrl-C exits with 130.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceseg.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.config import Experiment

app = typer.Typer(
    help="Tune, train, test and compare face-parsing networks, and keep what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT", help="An experiment's YAML file.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one value: search.trials=50."),
]
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GRPC_VERBOSITY": "ERROR",
}


@app.command()
def study(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Do the whole job: prepare, search, finals, compare. Run again, it goes on."""
    from pipelines import study as stage

    settings = _load(experiment, override)
    console = _console()
    folder = stage.run(settings, console)
    console.print(f"report: {folder / 'comparison.html'}", highlight=False)
    console.print(f"curves: {_ui_line(settings)}", highlight=False)


@app.command()
def prepare(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check every image and label, and pack them for training."""
    from pipelines.prepare import prepare as stage

    console = _console()
    folder, _ = stage(_load(experiment, override), console)
    console.print(f"packed in {folder}", highlight=False)


@app.command()
def train(
    experiment: ExperimentFile,
    architecture: Annotated[str, typer.Argument(help="unet, pspnet, segnet, …")],
    override: Overrides = None,
) -> None:
    """Train one architecture once, here, with the experiment's own settings."""
    settings = _load(experiment, override)
    from pipelines import train as stage

    console = _console()
    result = stage.run(settings, architecture, console)
    if result.value is None:
        console.print(f"failed: {result.reason}", style="red")
        raise typer.Exit(1)
    console.print(f"best val IoU {result.value:.4f}; {_ui_line(settings)}", highlight=False)


@app.command()
def compare(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Build the comparison again, from MLflow alone."""
    from pipelines.compare import stage
    from pipelines.tracking import Tracker

    settings = _load(experiment, override)
    console = _console()
    folder = settings.storage / settings.name
    stage.run(Tracker(settings.tracking_uri), settings, folder, console)
    console.print(f"report: {folder / 'comparison.html'}", highlight=False)


@app.command()
def ui(
    experiment: ExperimentFile,
    port: Annotated[int, typer.Option(help="On this machine only (127.0.0.1).")] = 5000,
    override: Overrides = None,
) -> None:
    """Open MLflow's pages on the experiment's runs, on this machine only."""
    settings = _load(experiment, override)
    if settings.tracking_uri.startswith("http"):
        raise UserError(f"this experiment's MLflow already has pages: {settings.tracking_uri}")
    if not (settings.storage / "mlflow.db").exists() and settings.tracking.uri is None:
        raise UserError(
            f"{settings.storage} holds no runs yet; run `faceseg study {experiment}` first"
        )
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.execv(command[0], command)  # noqa: S606  # the server takes this process's place


def main() -> None:
    """Run the command line; turn a mistake of the user's into a paragraph and exit code 2."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except UserError as error:
        from rich.console import Console

        console = Console(stderr=True)
        console.print(f"error: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        raise SystemExit(130) from None


def _load(path: Path, override: list[str] | None) -> "Experiment":
    from pipelines.config import load

    return load(path, tuple(override or ()))


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _ui_line(experiment: "Experiment") -> str:
    if experiment.tracking_uri.startswith("http"):
        return experiment.tracking_uri
    return f"mlflow ui --backend-store-uri {experiment.tracking_uri}"
