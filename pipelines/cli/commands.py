"""The command line `faceseg VERB EXPERIMENT`, with the verbs that run or show a study.

An error whose cause is outside the program prints one paragraph and exits with 2; a defect of the
program prints a traceback and exits with 1; Ctrl-C exits with 130. Frameworks are imported when a
verb needs them, so that `--help` is fast.
"""

import io
import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from faceseg.errors import UserError, without_secrets
from pipelines.cli import cluster, experiments, inference, judging, pages, registry, storage
from pipelines.cli.arguments import (
    INTERRUPTED_EXIT_CODE,
    ExperimentFile,
    JobFollowed,
    Overrides,
    complete_experiment,
    console,
    load_experiment,
    load_study,
    require_runs,
)
from pipelines.cli.printed_commands import printed_command
from pipelines.cluster.signals import interrupt_on_sigterm
from pipelines.studies.environment import set_default_environment

if TYPE_CHECKING:
    from pipelines.config import Experiment

RESUMED_VERBS = ("study", "prepare", "train", "audit", "submit")  # others start over, or wait
DEFECT = (
    "this is a defect of faceseg {version}. Please report it to its maintainers, with the command, "
    "the lines above and, if there is one, the study's log in STORAGE/logs. Finished work is kept"
)

app = typer.Typer(
    help="Tune, train, test and compare face-parsing networks, and use the trained ones.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"faceseg {version('faceseg')}")
        raise typer.Exit


@app.callback()
def set_common_options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log debug events to STORAGE/logs/STUDY.log.")
    ] = False,
) -> None:
    """Process the options before the verb."""
    if verbose:
        os.environ["FACESEG_LOG"] = "DEBUG"


@app.command()
def study(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Run a whole study: prepare, search, train and test the finals, compare.

    Re-run the same command to resume.
    """
    from pipelines.cluster import submit, versions

    versions.check_sender_versions()
    settings = load_study(experiment, override)
    submit.check_job(settings, tuple(override or ()))
    from pipelines.config.secrets import has_secret
    from pipelines.studies.experiment import written_file
    from pipelines.studies.study import run

    folder = run(settings, console())
    typer.echo(f"report: {folder / 'comparison.html'}")
    if override and not has_secret(settings.model_dump(mode="json")):
        experiment, override = written_file(settings), None  # shorter, and the same
    typer.echo(f"curves: {_ui_command(settings, experiment, override)}")


@app.command()
def prepare(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check every image and label, and pack them for training."""
    settings = load_experiment(experiment, override)
    from pipelines.data import prepare as preparation

    folder, _ = preparation.prepare(settings, console())
    typer.echo(f"packed in {folder}")


@app.command()
def train(
    experiment: ExperimentFile,
    architecture: Annotated[
        str, typer.Argument(help="One of the experiment's architectures: unet, pspnet, segnet, …")
    ],
    override: Overrides = None,
) -> None:
    """Train one architecture once, in this process, with the experiment's training settings."""
    settings = load_experiment(experiment, override)
    from pipelines.studies import single_training

    result = single_training.run(settings, architecture, console())
    if result.best_iou is None:
        typer.secho(f"failed: {result.failure}", fg="red", err=True)
        raise typer.Exit(1)
    typer.echo(f"best val IoU: {result.best_iou:.4f}")
    typer.echo(f"curves: {_ui_command(settings, experiment, override)}")


@app.command()
def audit(
    experiment: ExperimentFile,
    top: Annotated[
        int, typer.Option(min=1, max=2000, help="Images on the page and in the list.")
    ] = 100,
    folds: Annotated[
        int, typer.Option(min=2, max=100, help="Networks; each checks the images of one fold.")
    ] = 5,
    architecture: Annotated[
        str | None,
        typer.Option(help="One of the experiment's architectures. Default: unet, if it has it."),
    ] = None,
    override: Overrides = None,
) -> None:
    """List the labels that are most likely wrong, with pictures and reasons.

    Every image of every split is checked by a network that was not trained on it. Re-run the same
    command to resume.
    """
    settings = load_experiment(experiment, override)
    from pipelines.audit.audit import audit_labels

    page = audit_labels(settings, console(), folds=folds, top=top, network=architecture)
    typer.echo(f"to re-label: {page.parent / 'relabel.txt'}")
    typer.echo(f"page: {page}")


@app.command(name="tune-machine")
def tune_machine(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Measure how many workers train fastest on this machine, and store the result."""
    settings = load_study(experiment, override)
    from pipelines.tune_machine import machine_settings

    machine_settings.tune_machine(settings, console())


@app.command()
def compare(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXPERIMENT...",
            help="One or several experiments: YAML files or names.",
            autocompletion=complete_experiment,
        ),
    ],
    override: Overrides = None,
) -> None:
    """Write a study's comparison again, from MLflow; of several studies, a table of their gains."""
    opened = [load_study(each, override) for each in experiments]
    for settings, file in zip(opened, experiments, strict=True):
        require_runs(settings, file, override)
    from pipelines.compare import comparison
    from pipelines.tracking import Tracker

    if len(opened) > 1:
        typer.echo(f"table: {comparison.compare_studies(opened, console()) / 'steps.md'}")
        return
    (settings,) = opened
    folder = settings.storage / settings.name
    comparison.compare_study(Tracker(settings.tracking_uri), settings, folder, console())
    typer.echo(f"report: {folder / 'comparison.html'}")


app.add_typer(judging.app)
app.add_typer(pages.app)
app.add_typer(experiments.app)
app.add_typer(storage.app)
app.add_typer(cluster.app)
app.add_typer(registry.app)
app.add_typer(inference.app)


def main() -> None:
    """Run the command line.

    An error whose cause is outside the program ends in one paragraph and exit code 2; a defect of
    the program in a traceback and exit code 1.
    """
    set_default_environment()
    interrupt_on_sigterm()
    _allow_any_name_in_output()
    try:
        app()
    except JobFollowed:
        raise
    except SystemExit as ended:
        if ended.code == INTERRUPTED_EXIT_CODE:
            resumes = next(iter(sys.argv[1:]), "") in RESUMED_VERBS
            how = "; re-run the same command to resume" if resumes else ""
            typer.echo(f"stopped{how}", err=True)
        raise
    except Exception as error:
        _exit_with_error(error)


def _allow_any_name_in_output() -> None:
    """Print `\\xe9` for what the terminal cannot show, such as a file's name that is not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _exit_with_error(error: Exception) -> NoReturn:
    from pipelines.cli.foreign_errors import explanation  # loads what an experiment needs

    paragraph = explanation(error)
    verbose = os.environ.get("FACESEG_LOG", "").upper() == "DEBUG"
    if paragraph is None or (verbose and not isinstance(error, UserError)):
        typer.echo(without_secrets("".join(traceback.format_exception(error))), err=True)
    if paragraph is None:
        typer.secho(DEFECT.format(version=version("faceseg")), fg="red", err=True)
        raise SystemExit(1) from None
    typer.secho(f"error: {without_secrets(paragraph)}", fg="red", err=True)
    raise SystemExit(2) from None


def _ui_command(experiment: "Experiment", file: Path, override: list[str] | None) -> str:
    """Return a server's address, or the command that serves the runs' web pages."""
    if experiment.tracking_uri.startswith("http"):
        return without_secrets(experiment.tracking_uri)
    return printed_command("ui", file, override)
