"""The main job: prepare, search, finals, compare. Started again, it goes on where it was."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from rich.console import Console

from faceseg import backends
from faceseg.backends import preferred
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.robustness.suites import CORRUPTION, GEOMETRY, OCCLUSION
from pipelines import registry, versions
from pipelines.compare import stage as comparison
from pipelines.compare.claims import refuse_unknown
from pipelines.compare.reference import read_reference
from pipelines.config import Experiment
from pipelines.config.secrets import redact
from pipelines.context import Context
from pipelines.display import Display
from pipelines.prepare import prepare
from pipelines.robustness import mask_checksum
from pipelines.search.locks import only_driver
from pipelines.tracking import Sender, Status, Tracker, Waiting

PATIENCE = 600.0  # seconds that a study waits at its end for an MLflow that takes nothing
TOLD_EVERY = 15.0  # seconds between two lines that say so
LAST_WORDS = 15.0  # seconds that a stopped study gives its records to arrive


def run(experiment: Experiment, console: Console) -> Path:
    """Do the whole job; return the folder of the comparison."""
    check(experiment)
    from pipelines.tuning.stage import applied

    experiment = applied(experiment, console)
    with only_driver(experiment):
        return _run(experiment, console)


def _run(experiment: Experiment, console: Console) -> Path:
    if experiment.corruption_reference is not None:  # told now, not at the end
        read_reference(Tracker(experiment.tracking_uri), experiment)
    folder, manifest = prepare(experiment, console)
    context = open_study(experiment, folder, manifest)
    results = experiment.storage / experiment.name
    if is_finished(context):
        console.print(
            f"study {experiment.study} is finished: every trial and final is there. "
            f"Its table is in {results}; ask for more with --set search.trials=N"
        )
        comparison.run(context.tracker, experiment, results, console)
        return results
    check_same_masks(context)
    with closed_on_error(context), Sender(context.outboxes, context.tracker) as sender:
        search_and_finals(context, console, sender)
        comparison.run(context.tracker, experiment, results, console)
        context.tracker.set_tags(context.study_run, state="complete", done=budget(experiment))
        context.tracker.end(context.study_run, "FINISHED")
    return results


def search_and_finals(context: Context, console: Console, sender: Sender) -> None:
    """Run the jobs on Ray, then point the registry's aliases at the best."""
    from pipelines.search import pool

    experiment, tracker = context.experiment, context.tracker
    console.print(
        f"study {experiment.study}: {len(experiment.architectures)} architectures x "
        f"{experiment.search.trials} trials, then {experiment.finals.seeds} finals each",
        highlight=False,
    )
    with Display(console, experiment.finals.seeds) as display:
        winners = pool.run(context, display, sender)
    arrived(context, sender, console)
    give_up_lost_runs(context)
    tracker.set_tags(context.study_run, **{f"winner.{name}": winners[name] for name in winners})
    for alias, version in registry.set_aliases(context, winners).items():
        console.print(f"registered: {alias} is version {version}", highlight=False)


def check(experiment: Experiment) -> None:
    """Refuse what cannot work before anything is made."""
    backends.check()
    settings = experiment.robustness
    for key, suite, kinds in (
        ("kinds", OCCLUSION, settings.kinds),
        ("corruption", CORRUPTION, settings.corruption),
        ("geometry", GEOMETRY, settings.geometry),
    ):
        possible = suite.kinds(experiment.data.class_set)
        if wrong := [kind for kind in kinds if kind not in possible]:
            raise UserError(
                f"robustness.{key}: {', '.join(wrong)} cannot be drawn on this class set; "
                f"possible are {', '.join(possible)}"
            )
    refuse_unknown(experiment.claims, experiment.data.class_set)
    for name, (_, options) in experiment.networks.items():
        weights = options.get("encoder_weights")
        if weights not in (None, "none", "imagenet") and not Path(str(weights)).exists():
            raise UserError(
                f"architectures.{name}.encoder_weights: there is no file {weights}; expected "
                "imagenet, none or the path of MobileNetV2 weights (.h5)"
            )
    try:
        experiment.storage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"storage {experiment.storage} cannot be made: {error}") from error


def open_study(experiment: Experiment, folder: Path, manifest: Manifest) -> Context:
    """Make or find the MLflow experiment and the study's run, and log what the study is."""
    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    architectures = ", ".join(experiment.architectures)
    run_id = tracker.open_run(
        experiment_id,
        experiment.study,
        {"study": experiment.study, "kind": "study"},
        experiment.description or f"A study of {architectures} on {experiment.data.source} images.",
    )
    context = Context(
        experiment, folder, manifest, tracker, experiment_id, run_id, versions.commit()
    )
    check_same_images(context)
    check_same_backend(context)
    if not is_finished(context):
        tracker.log_params(run_id, {"study": experiment.study, "architectures": architectures})
        tracker.log_dataset(run_id, **context.dataset)
        tracker.set_tags(run_id, commit=context.commit, seed=experiment.seed)
        with tracker.files(run_id) as files:
            (files / "experiment.yaml").write_text(experiment.as_yaml(), encoding="utf-8")
            manifest.write(files)
    else:
        tracker.end(run_id, "FINISHED")
    return context


def check_same_images(context: Context) -> None:
    """Refuse to go on with a study on other images than it was begun with."""
    now = context.manifest.fingerprint
    _hold_to(
        context,
        "data",
        now,
        lambda begun: (
            f"on images with the fingerprint {begun[:12]}; those found now have "
            f"{now[:12]}. Scores of the two cannot stand in one table: bring the old images back"
        ),
    )


def check_same_backend(context: Context) -> None:
    """Refuse to go on on another of Keras's backends than the study was begun on."""
    now = preferred()
    _hold_to(
        context,
        "backend",
        now,
        lambda begun: (
            f"on {begun}; this process runs on {now}. One seed draws other weights "
            f"there, so the two would be trials of two studies: set KERAS_BACKEND={begun}"
        ),
    )


def check_same_masks(context: Context) -> None:
    """Refuse to go on if this program draws other occluders than the one that began the study."""
    now = mask_checksum(context, os.cpu_count() or 1)
    _hold_to(
        context,
        "occlusion_masks",
        now,
        lambda begun: (
            f"with occluders whose checksum is {begun[:12]}; this program draws "
            f"{now[:12]}. Scores of the two cannot stand in one table: go on with the version that "
            "began it"
        ),
    )


def _hold_to(context: Context, tag: str, now: str, differently: Callable[[str], str]) -> None:
    """Keep a tag of the study's run, or refuse to go on if it was begun with another value.

    differently: how it was begun, how it is now, and what to do, in words.
    """
    begun = context.tracker.client.get_run(context.study_run).data.tags.get(f"faceseg.{tag}")
    if begun not in (None, now):
        context.tracker.end(context.study_run, "FAILED")
        raise UserError(
            f"study {context.experiment.study} was begun {differently(begun)}, or give the "
            "experiment another name"
        )
    context.tracker.set_tags(context.study_run, **{tag: now})


def budget(experiment: Experiment) -> str:
    """Name the budget: a study that has spent it is finished."""
    together = ", ensemble" if experiment.ensemble else ""
    return f"{experiment.search.trials} trials, {experiment.finals.seeds} finals{together}"


def is_finished(context: Context) -> bool:
    """Return whether the study has spent the budget now asked for."""
    run = context.tracker.client.get_run(context.study_run)
    return bool(run.data.tags.get("faceseg.done") == budget(context.experiment))


def arrived(context: Context, sender: Sender, console: Console) -> None:
    """Wait until MLflow has all that was said. UserError, naming what waits, if it stays away."""
    last = time.monotonic()
    before = waiting = sender.waiting()
    while waiting.records:
        if sender.drain(TOLD_EVERY):
            break
        waiting = sender.waiting()
        if waiting.records < before.records:
            last = time.monotonic()
        if time.monotonic() - last > PATIENCE:
            raise UserError(
                f"{told(waiting, context)}. Nothing is lost: start MLflow again, and the same "
                "command sends them and goes on"
            )
        console.print(f"{told(waiting, context)}; waiting for it", style="yellow", markup=False)
        before = waiting
    sender.clear()
    if refused := sender.waiting().refused:
        console.print(
            f"MLflow refused {refused} records for good; they lie in {context.outboxes}: "
            "*.refused, the reasons beside them",
            style="yellow",
            markup=False,
        )


def told(waiting: Waiting, context: Context) -> str:
    """Say what waits, where, and why."""
    where = f"{waiting.records} records of {waiting.runs} runs wait in {context.outboxes}"
    if waiting.since is None:
        return where
    uri = redact(context.tracker.uri)
    return f"MLflow at {uri} has not answered since {waiting.clock} ({waiting.error}); {where}"


@contextmanager
def closed_on_error(context: Context) -> Iterator[None]:
    """On any error send what waits and mark what runs as stopped: nothing runs any more.

    MLflow's own failure becomes a UserError: what was done is kept.
    """
    try:
        yield
    except BaseException as error:
        status: Status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        with suppress(MlflowException):  # it may be MLflow that failed: the first error is told
            with Sender(context.outboxes, context.tracker) as sender:
                sender.drain(LAST_WORDS)
            for run in running(context):
                context.tracker.end(run.info.run_id, status)
        if isinstance(error, MlflowException):
            raise UserError(
                redact(f"MLflow at {context.tracker.uri} failed: {error}")
                + ". What was done is kept: mend that, and the same command goes on"
            ) from error
        raise


def give_up_lost_runs(context: Context) -> None:
    """Close the runs of jobs that were told failed because their workers had died."""
    for run in running(context):
        if run.info.run_id != context.study_run:
            context.tracker.set_tags(
                run.info.run_id, state="failed", reason="given up: its worker died"
            )
            context.tracker.end(run.info.run_id, "FAILED")


def running(context: Context) -> list[Run]:
    """Return the runs of a study that MLflow holds for running."""
    runs = context.tracker.find_runs(context.experiment_id, study=context.name)
    return [run for run in runs if run.info.status == "RUNNING"]
