"""The command line: `faceseg VERB EXPERIMENT`. Nothing heavy is imported before it is needed.

A mistake of the user's prints one paragraph and exits with 2; Ctrl-C exits with 130.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from faceseg.backends import NAMES, preferred
from faceseg.errors import UserError
from pipelines import cli_models, cli_use
from pipelines.arguments import ExperimentFile, Overrides, check_runs, console, load
from pipelines.stopping import heed_sigterm

if TYPE_CHECKING:
    from pipelines.config import Experiment

app = typer.Typer(
    help="Tune, train, test and compare face-parsing networks, and keep what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Address = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ray's dashboard, http://HEAD:8265; or RAY_API_SERVER_ADDRESS."
    ),
]
INTERRUPTED = 130  # what Typer makes of Ctrl-C
QUIET = {
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
    from pipelines import submit, versions

    versions.check_sent()
    settings = load(experiment, override)
    submit.check_job(settings)
    from pipelines import study as stage

    folder = stage.run(settings, console())
    typer.echo(f"report: {folder / 'comparison.html'}")
    typer.echo(f"curves: {_ui_line(settings, experiment)}")


@app.command()
def prepare(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check every image and label, and pack them for training."""
    settings = load(experiment, override)
    from pipelines.prepare import prepare as stage

    folder, _ = stage(settings, console())
    typer.echo(f"packed in {folder}")


@app.command()
def train(
    experiment: ExperimentFile,
    architecture: Annotated[str, typer.Argument(help="unet, pspnet, segnet, …")],
    override: Overrides = None,
) -> None:
    """Train one architecture once, here, with the experiment's own settings."""
    settings = load(experiment, override)
    from pipelines import train as stage

    result = stage.run(settings, architecture, console())
    if result.value is None:
        typer.secho(f"failed: {result.reason}", fg="red", err=True)
        raise typer.Exit(1)
    typer.echo(f"best val IoU {result.value:.4f}; {_ui_line(settings, experiment)}")


@app.command(name="tune-machine")
def tune_machine(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Time the experiment's networks on this machine; keep the fastest way to share it out."""
    settings = load(experiment, override)
    from pipelines.tuning import stage

    stage.run(settings, console())


@app.command()
def compare(
    experiments: Annotated[
        list[Path],
        typer.Argument(metavar="EXPERIMENT...", help="One experiment's YAML file, or several."),
    ],
    override: Overrides = None,
) -> None:
    """Build the comparison again, from MLflow alone; of several studies, what each step gained."""
    opened = [load(each, override) for each in experiments]
    for settings, file in zip(opened, experiments, strict=True):
        check_runs(settings, file)
    if len(opened) > 1:
        from pipelines.compare import steps

        typer.echo(f"table: {steps.run(opened, console()) / 'steps.md'}")
        return
    from pipelines.compare import stage
    from pipelines.tracking import Tracker

    (settings,) = opened
    folder = settings.storage / settings.name
    stage.run(Tracker(settings.tracking_uri), settings, folder, console())
    typer.echo(f"report: {folder / 'comparison.html'}")


@app.command()
def ui(
    experiment: ExperimentFile,
    port: Annotated[int, typer.Option(help="On this machine only (127.0.0.1).")] = 5000,
    override: Overrides = None,
) -> None:
    """Open MLflow's pages on the experiment's runs, on this machine only."""
    settings = load(experiment, override)
    if settings.tracking_uri.startswith("http"):
        raise UserError(f"this experiment's MLflow already has pages: {settings.tracking_uri}")
    check_runs(settings, experiment)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.execv(command[0], command)  # noqa: S606  # the server takes this process's place


@app.command()
def submit(
    experiment: ExperimentFile,
    address: Address = None,
    override: Overrides = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow the job.")] = False,
) -> None:
    """Run the study as a job on a Ray cluster, and follow it: its exit code is ours.

    The source in this folder travels with it; data, results and secrets do not.
    """
    from pipelines import cluster, jobs, versions
    from pipelines import submit as stage

    order = stage.order(experiment, tuple(override or ()), versions.commit())
    address = cluster.address_of(address)
    client = cluster.connect(address)
    name = stage.send(client, order, console())
    typer.echo(f"job {name} runs on {address}")
    typer.echo(f"  follow it: {jobs.command(address, '--logs', name)}")
    typer.echo(f"  stop it:   {jobs.command(address, '--stop', name)}")
    if not detach:
        _follow(client, address, name)


@app.command(name="jobs")
def list_jobs(
    address: Address = None,
    logs: Annotated[str | None, typer.Option(metavar="JOB", help="Follow this job.")] = None,
    stop: Annotated[str | None, typer.Option(metavar="JOB", help="Stop this job.")] = None,
) -> None:
    """List this tool's jobs on a Ray cluster; follow one, or stop one."""
    from pipelines import cluster, jobs

    address = cluster.address_of(address)
    client = cluster.connect(address)
    if stop:
        jobs.stop(client, stop, console())
    if logs:
        _follow(client, address, logs)
    if not stop and not logs:
        jobs.show(client, console())


@app.command()
def doctor(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check all that a study needs, on every node: a line each, ok or what to do."""
    settings = load(experiment, override)
    from pipelines.doctor import stage

    if not stage.run(settings, console()):
        raise typer.Exit(1)


app.add_typer(cli_models.app)
app.add_typer(cli_use.app)


class Followed(SystemExit):
    """The end of following a job: what there is to say has been said."""


def main() -> None:
    """Run the command line; turn a mistake of the user's into a paragraph and exit code 2."""
    os.environ.setdefault("KERAS_BACKEND", preferred())
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    heed_sigterm()
    try:
        app()
    except UserError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(2) from None
    except ModuleNotFoundError as error:
        if error.name not in NAMES:
            raise
        typer.secho(
            f"error: Keras is to run on {error.name}, which is not installed here; install it, or "
            "set KERAS_BACKEND to one that is",
            fg="red",
            err=True,
        )
        raise SystemExit(2) from None
    except Followed:
        raise
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.echo("stopped; the same command goes on from here", err=True)
        raise


def _follow(client: Any, address: str, name: str) -> NoReturn:
    """Follow a job to its end and exit as it did; Ctrl-C ends the following alone."""
    from pipelines import jobs

    try:
        raise Followed(jobs.Log(client, name).follow())
    except KeyboardInterrupt:
        typer.echo(
            f"\nno longer followed; job {name} goes on.\n"
            f"  follow it again: {jobs.command(address, '--logs', name)}\n"
            f"  stop it:         {jobs.command(address, '--stop', name)}",
            err=True,
        )
        raise Followed(INTERRUPTED) from None


def _ui_line(experiment: "Experiment", file: Path) -> str:
    """Return what opens the runs' pages: a server's address, or a command to copy."""
    if experiment.tracking_uri.startswith("http"):
        return experiment.tracking_uri
    command = [sys.argv[0], "ui", str(file)]
    if experiment.storage != type(experiment).model_fields["storage"].default:
        command += ["--set", f"storage={experiment.storage}"]
    return shlex.join(command)
