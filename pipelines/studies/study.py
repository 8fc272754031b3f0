"""A whole study: prepare, search, train and test the finals, compare. A re-run resumes it."""

import json
import logging
from pathlib import Path

from rich.console import Console

from faceseg import backends
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.robustness.suites import CORRUPTION, GEOMETRY, OCCLUSION
from pipelines.cluster import versions
from pipelines.compare import comparison
from pipelines.compare.analysis.claims import require_known_measures
from pipelines.compare.study_data.corruption_reference import read_corruption_reference
from pipelines.compare.study_data.study_results import WARM_START_TAG
from pipelines.config import Experiment
from pipelines.config.databases import same_database
from pipelines.data.prepare import prepare
from pipelines.execution.judged_teacher import pinned_teacher
from pipelines.job.context import StudyContext, study_sender
from pipelines.job.log import study_log
from pipelines.job.winners import winner_tags
from pipelines.registry import study_aliases
from pipelines.search.earlier_studies import Sources, sentences, store_memory
from pipelines.search.leases import study_lock
from pipelines.studies import recovery
from pipelines.studies.budget import budget, is_finished, work_of_each
from pipelines.studies.cleanup import close_runs_on_error, fail_lost_runs, wait_for_delivery
from pipelines.studies.experiment import write_experiment
from pipelines.studies.failed_finals import require_finals
from pipelines.studies.resuming import (
    require_same_backend,
    require_same_images,
    require_same_masks,
)
from pipelines.studies.terminal import StudyDisplay
from pipelines.tracking import RunIdentity, Sender, Tracker

logger = logging.getLogger(__name__)


def run(experiment: Experiment, console: Console) -> Path:
    """Run a study, or resume it.

    Args:
        experiment: The experiment.
        console: Receives the progress.

    Returns:
        The folder that contains the comparison.

    Raises:
        UserError: The experiment cannot run here, another process runs the same study, the study
            was begun on other images, another backend or other occluders, or a final failed.
    """
    check_experiment(experiment)
    if not experiment.robustness.kinds:
        possible = ", ".join(OCCLUSION.kinds(experiment.data.class_set))
        raise UserError(
            "robustness.kinds is empty, but the table of a study compares networks under "
            f"occlusion; name at least one kind: {possible}"
        )
    from pipelines.tune_machine.machine_settings import apply_machine_settings

    experiment = apply_machine_settings(experiment, console)
    with study_lock(experiment), study_log(experiment.storage, experiment.study):
        return _run(experiment, console)


def _run(experiment: Experiment, console: Console) -> Path:
    if experiment.corruption_reference is not None:  # reported now, not after the finals
        read_corruption_reference(Tracker(experiment.tracking_uri), experiment)
    sources = _sources(experiment, console)
    folder, manifest = prepare(experiment, console)
    context, finished = open_study(experiment, folder, manifest, console)
    write_experiment(experiment)
    if sources:
        context.tracker.set_tags(context.study_run, **{WARM_START_TAG: json.dumps(sources)})
    results = experiment.storage / experiment.name
    logger.info("study's run: %s, commit %s", context.study_run, context.commit)
    if finished:
        logger.info("all trials and finals are complete")
        console.print(
            f"study {experiment.study} is finished: all trials and finals are complete. "
            f"Its table is in {results}; add trials with --set search.trials=N"
        )
        comparison.compare_study(context.tracker, experiment, results, console)
        return results
    with close_runs_on_error(context), study_sender(context) as sender:
        search_and_finals(context, console, sender)
        comparison.compare_study(context.tracker, experiment, results, console)
        require_finals(context, results)
        done = budget(experiment, context.judged_teacher)
        context.tracker.set_tags(context.study_run, state="complete", done=done)
        context.tracker.end(context.study_run, "FINISHED")
    return results


def _sources(experiment: Experiment, console: Console) -> Sources:
    """Store what the searches learn from earlier studies; print and return what that is.

    Raises:
        UserError: `search.warm_start` names a study that does not exist or is of no use.
    """
    if experiment.search.warm_start is None:
        return {}
    sources = store_memory(experiment, Tracker(experiment.tracking_uri))
    for sentence in sentences(sources):
        logger.info("%s", sentence)
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    return sources


def search_and_finals(context: StudyContext, console: Console, sender: Sender) -> None:
    """Run all trials and finals on Ray, then set the registry's aliases to the best versions."""
    from pipelines.search import driver

    experiment, tracker = context.experiment, context.tracker
    console.print(
        f"study {experiment.study}: {len(experiment.architectures)} architectures, "
        f"{work_of_each(experiment)} each",
        highlight=False,
    )
    with StudyDisplay(console, experiment.finals.seeds) as display:
        winners = driver.run_jobs(context, display, sender)
    wait_for_delivery(context, sender, console)
    fail_lost_runs(context)
    logger.info("winners: %s", winners)
    tracker.set_tags(context.study_run, **winner_tags(winners))
    for message in study_aliases.set_aliases(context, winners):
        console.print(message, highlight=False, markup=False, soft_wrap=True)


def check_experiment(experiment: Experiment) -> None:
    """Check an experiment before anything is created, except for its storage folder.

    Raises:
        UserError: Keras's backend is not installed, the class set lacks what a robustness kind
            or a claim requires, a weights file does not exist, MLflow and Optuna would share a
            database, or the storage cannot be created.
    """
    backends.check_backend()
    settings = experiment.robustness
    for key, suite, kinds in (
        ("kinds", OCCLUSION, settings.kinds),
        ("corruption", CORRUPTION, settings.corruption),
        ("geometry", GEOMETRY, settings.geometry),
    ):
        possible = suite.kinds(experiment.data.class_set)
        if impossible := [kind for kind in kinds if kind not in possible]:
            raise UserError(
                f"robustness.{key}: {', '.join(impossible)} cannot be drawn on this class set; "
                f"possible kinds: {', '.join(possible)}"
            )
    require_known_measures(experiment.claims, experiment.data.class_set)
    for name, (_, options) in experiment.networks.items():
        weights = options.get("encoder_weights")
        if weights not in (None, "none", "imagenet") and not Path(str(weights)).exists():
            raise UserError(
                f"architectures.{name}.encoder_weights: there is no file {weights}; expected "
                "imagenet, none or a file of weights (.h5 or .safetensors)"
            )
    if same_database(experiment.tracking_uri, experiment.search_database):
        raise UserError(
            f"MLflow and Optuna cannot share the database {experiment.tracking_uri}: give "
            "tracking.uri and tracking.database different addresses, or remove one of them"
        )
    try:
        experiment.storage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"storage {experiment.storage} cannot be created: {error}") from error


def open_study(
    experiment: Experiment, folder: Path, manifest: Manifest, console: Console
) -> tuple[StudyContext, bool]:
    """Open the MLflow experiment and the study's run, and log the study's settings.

    A study is checked before anything is changed: one that is refused stays as it was. Runs and
    versions that were deleted in MLflow are restored or registered again.

    Args:
        experiment: The experiment.
        folder: The folder of the packs.
        manifest: The packs' manifest.
        console: Receives messages about what was restored.

    Returns:
        The context that all processes of the study share, and whether the study is finished.

    Raises:
        UserError: The study was begun on other images, another backend or other occluders, or the
            network that teaches was not judged.
    """
    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    judged = pinned_teacher(tracker, experiment_id, experiment, manifest.fingerprint)
    restored = recovery.restore_runs(tracker, experiment_id, experiment.study)
    architectures = ", ".join(experiment.architectures)
    run = RunIdentity(
        experiment_id=experiment_id,
        name=experiment.study,
        identity={"study": experiment.study, "kind": "study"},
        description=experiment.description
        or f"A study of {architectures} on {experiment.data.source} images.",
    )
    context = StudyContext(
        experiment=experiment,
        packs=folder,
        manifest=manifest,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run=tracker.find_or_make_run(run),
        commit=versions.commit(),
        judged_teacher=judged,
    )
    begun = tracker.client.get_run(context.study_run)
    conditions = require_same_images(context, begun) | require_same_backend(context, begun)
    recovered, finished = recovery.recover_finals(
        context, begun, finished=is_finished(context, begun)
    )
    for message in (*restored, *recovered):
        logger.warning("%s", message)
        console.print(message, style="yellow", highlight=False, markup=False)
    if finished:
        if begun.info.status != "FINISHED":
            tracker.end(context.study_run, "FINISHED")
        return context, True
    conditions |= require_same_masks(context, begun)
    tracker.set_tags(context.study_run, **conditions)
    _log_settings(context)
    tracker.set_running(context.study_run)
    return context, False


def _log_settings(context: StudyContext) -> None:
    experiment, tracker, run_id = context.experiment, context.tracker, context.study_run
    architectures = ", ".join(experiment.architectures)
    tracker.log_params(run_id, {"study": experiment.study, "architectures": architectures})
    tracker.log_dataset(run_id, **context.dataset)
    tracker.set_tags(run_id, commit=context.commit, seed=experiment.seed)
    with tracker.files(run_id) as files:
        (files / "experiment.yaml").write_text(experiment.as_yaml(), encoding="utf-8")
        context.manifest.write(files)
