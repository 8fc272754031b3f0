"""The command line: `faceseg VERB EXPERIMENT`. Nothing heavy is imported before it is needed.

A mistake of the user's prints one paragraph and exits with 2; Ctrl-C exits with 130.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceseg.backends import BACKENDS, preferred
from faceseg.errors import UserError
from pipelines.cli import inference, registry
from pipelines.cli.arguments import (
    INTERRUPTED_EXIT_CODE,
    ExperimentFile,
    JobFollowed,
    Overrides,
    console,
    load_experiment,
    require_runs,
)
from pipelines.cluster.signals import interrupt_on_sigterm

if TYPE_CHECKING:
    from pipelines.config import Experiment

app = typer.Typer(
    help="Tune, train, test and compare face-parsing networks, and keep what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


QUIET_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GRPC_VERBOSITY": "ERROR",
}


@app.command()
def study(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Do the whole job: prepare, search, finals, compare. Run again, it goes on."""
    from pipelines.cluster import submit, versions

    versions.check_sender_versions()
    settings = load_experiment(experiment, override)
    submit.check_job(settings)
    from pipelines.studies import study as stage

    folder = stage.run(settings, console())
    typer.echo(f"report: {folder / 'comparison.html'}")
    typer.echo(f"curves: {_ui_command(settings, experiment)}")


@app.command()
def prepare(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check every image and label, and pack them for training."""
    settings = load_experiment(experiment, override)
    from pipelines.data.prepare import prepare as stage

    folder, _ = stage(settings, console())
    typer.echo(f"packed in {folder}")


@app.command()
def train(
    experiment: ExperimentFile,
    architecture: Annotated[str, typer.Argument(help="unet, pspnet, segnet, …")],
    override: Overrides = None,
) -> None:
    """Train one architecture once, here, with the experiment's own settings."""
    settings = load_experiment(experiment, override)
    from pipelines.studies import single_training as stage

    result = stage.run(settings, architecture, console())
    if result.value is None:
        typer.secho(f"failed: {result.reason}", fg="red", err=True)
        raise typer.Exit(1)
    typer.echo(f"best val IoU {result.value:.4f}; {_ui_command(settings, experiment)}")


@app.command(name="tune-machine")
def tune_machine(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Time the experiment's networks on this machine; keep the fastest way to share it out."""
    settings = load_experiment(experiment, override)
    from pipelines.tune_machine import machine_settings

    machine_settings.tune_machine(settings, console())


@app.command()
def compare(
    experiments: Annotated[
        list[Path],
        typer.Argument(metavar="EXPERIMENT...", help="One experiment's YAML file, or several."),
    ],
    override: Overrides = None,
) -> None:
    """Build the comparison again, from MLflow alone; of several studies, what each step gained."""
    opened = [load_experiment(each, override) for each in experiments]
    for settings, file in zip(opened, experiments, strict=True):
        require_runs(settings, file)
    if len(opened) > 1:
        from pipelines.compare import comparison

        typer.echo(f"table: {comparison.compare_studies(opened, console()) / 'steps.md'}")
        return
    from pipelines.compare import comparison
    from pipelines.tracking import Tracker

    (settings,) = opened
    folder = settings.storage / settings.name
    comparison.compare_study(Tracker(settings.tracking_uri), settings, folder, console())
    typer.echo(f"report: {folder / 'comparison.html'}")


@app.command()
def ui(
    experiment: ExperimentFile,
    port: Annotated[int, typer.Option(help="On this machine only (127.0.0.1).")] = 5000,
    override: Overrides = None,
) -> None:
    """Open MLflow's pages on the experiment's runs, on this machine only."""
    settings = load_experiment(experiment, override)
    if settings.tracking_uri.startswith("http"):
        raise UserError(f"this experiment's MLflow already has pages: {settings.tracking_uri}")
    require_runs(settings, experiment)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.execv(command[0], command)  # noqa: S606  # the server takes this process's place


app.add_typer(registry.app)
app.add_typer(inference.app)


def main() -> None:
    """Run the command line; turn a mistake of the user's into a paragraph and exit code 2."""
    os.environ.setdefault("KERAS_BACKEND", preferred())
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    interrupt_on_sigterm()
    try:
        app()
    except UserError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(2) from None
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        typer.secho(
            f"error: Keras is to run on {error.name}, which is not installed here; install it, or "
            "set KERAS_BACKEND to one that is",
            fg="red",
            err=True,
        )
        raise SystemExit(2) from None
    except JobFollowed:
        raise
    except SystemExit as ended:
        if ended.code == INTERRUPTED_EXIT_CODE:
            typer.echo("stopped; the same command goes on from here", err=True)
        raise


def _ui_command(experiment: "Experiment", file: Path) -> str:
    """Return what opens the runs' pages: a server's address, or a command to copy."""
    if experiment.tracking_uri.startswith("http"):
        return experiment.tracking_uri
    command = [sys.argv[0], "ui", str(file)]
    if experiment.storage != type(experiment).model_fields["storage"].default:
        command += ["--set", f"storage={experiment.storage}"]
    return shlex.join(command)
