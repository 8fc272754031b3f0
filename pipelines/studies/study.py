"""The main job: prepare, search, finals, compare. Started again, it goes on where it was."""

import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from faceseg import backends
from faceseg.backends import preferred
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.robustness.suites import CORRUPTION, GEOMETRY, OCCLUSION
from pipelines.cluster import versions
from pipelines.compare import comparison
from pipelines.compare.analysis.claims import require_known_measures
from pipelines.compare.study_data.corruption_reference import read_corruption_reference
from pipelines.config import Experiment
from pipelines.data.prepare import prepare
from pipelines.execution.assessment import mask_checksum
from pipelines.job.context import StudyContext
from pipelines.registry import publish
from pipelines.search.leases import study_lock
from pipelines.studies.cleanup import close_runs_on_error, fail_lost_runs, wait_for_delivery
from pipelines.studies.terminal import StudyDisplay
from pipelines.tracking import Sender, Tracker


def run(experiment: Experiment, console: Console) -> Path:
    """Do the whole job; return the folder of the comparison."""
    check_experiment(experiment)
    from pipelines.tune_machine.machine_settings import apply_machine_settings

    experiment = apply_machine_settings(experiment, console)
    with study_lock(experiment):
        return _run(experiment, console)


def _run(experiment: Experiment, console: Console) -> Path:
    if experiment.corruption_reference is not None:  # told now, not at the end
        read_corruption_reference(Tracker(experiment.tracking_uri), experiment)
    folder, manifest = prepare(experiment, console)
    context = open_study(experiment, folder, manifest)
    results = experiment.storage / experiment.name
    if is_finished(context):
        console.print(
            f"study {experiment.study} is finished: every trial and final is there. "
            f"Its table is in {results}; ask for more with --set search.trials=N"
        )
        comparison.compare_study(context.tracker, experiment, results, console)
        return results
    require_same_masks(context)
    with close_runs_on_error(context), Sender(context.outboxes, context.tracker) as sender:
        search_and_finals(context, console, sender)
        comparison.compare_study(context.tracker, experiment, results, console)
        context.tracker.set_tags(context.study_run, state="complete", done=budget(experiment))
        context.tracker.end(context.study_run, "FINISHED")
    return results


def search_and_finals(context: StudyContext, console: Console, sender: Sender) -> None:
    """Run the jobs on Ray, then point the registry's aliases at the best."""
    from pipelines.search import driver

    experiment, tracker = context.experiment, context.tracker
    console.print(
        f"study {experiment.study}: {len(experiment.architectures)} architectures x "
        f"{experiment.search.trials} trials, then {experiment.finals.seeds} finals each",
        highlight=False,
    )
    with StudyDisplay(console, experiment.finals.seeds) as display:
        winners = driver.run_jobs(context, display, sender)
    wait_for_delivery(context, sender, console)
    fail_lost_runs(context)
    tracker.set_tags(context.study_run, **{f"winner.{name}": winners[name] for name in winners})
    for alias, version in publish.set_aliases(context, winners).items():
        console.print(f"registered: {alias} is version {version}", highlight=False)


def check_experiment(experiment: Experiment) -> None:
    """Refuse what cannot work before anything is made."""
    backends.check_backend()
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
    require_known_measures(experiment.claims, experiment.data.class_set)
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


def open_study(experiment: Experiment, folder: Path, manifest: Manifest) -> StudyContext:
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
    context = StudyContext(
        experiment, folder, manifest, tracker, experiment_id, run_id, versions.commit()
    )
    require_same_images(context)
    require_same_backend(context)
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


def require_same_images(context: StudyContext) -> None:
    """Refuse to go on with a study on other images than it was begun with."""
    now = context.manifest.fingerprint
    _require_same_tag(
        context,
        "data",
        now,
        lambda begun: (
            f"on images with the fingerprint {begun[:12]}; those found now have "
            f"{now[:12]}. Scores of the two cannot stand in one table: bring the old images back"
        ),
    )


def require_same_backend(context: StudyContext) -> None:
    """Refuse to go on on another of Keras's backends than the study was begun on."""
    now = preferred()
    _require_same_tag(
        context,
        "backend",
        now,
        lambda begun: (
            f"on {begun}; this process runs on {now}. One seed draws other weights "
            f"there, so the two would be trials of two studies: set KERAS_BACKEND={begun}"
        ),
    )


def require_same_masks(context: StudyContext) -> None:
    """Refuse to go on if this program draws other occluders than the one that began the study."""
    now = mask_checksum(context, os.cpu_count() or 1)
    _require_same_tag(
        context,
        "occlusion_masks",
        now,
        lambda begun: (
            f"with occluders whose checksum is {begun[:12]}; this program draws "
            f"{now[:12]}. Scores of the two cannot stand in one table: go on with the version that "
            "began it"
        ),
    )


def _require_same_tag(
    context: StudyContext, tag: str, now: str, differently: Callable[[str], str]
) -> None:
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


def is_finished(context: StudyContext) -> bool:
    """Return whether the study has spent the budget now asked for."""
    run = context.tracker.client.get_run(context.study_run)
    return bool(run.data.tags.get("faceseg.done") == budget(context.experiment))
