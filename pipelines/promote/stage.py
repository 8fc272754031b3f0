"""`faceseg promote` and `faceseg rollback`: a decision takes effect, and a way back stays."""

import time
from functools import reduce

from mlflow.entities.model_registry import ModelVersion
from rich.console import Console

from faceseg.errors import UserError
from pipelines import registry
from pipelines.config import Experiment
from pipelines.config.secrets import redact
from pipelines.promote import handover
from pipelines.promote.answering import answering
from pipelines.promote.contest import Contest
from pipelines.promote.handover import Seat
from pipelines.promote.standing import read_standing
from pipelines.tracking import Tracker


def seat_of(experiment: Experiment, wanted: str | None) -> Seat:
    """Return which alias of which model is meant: NAME@ALIAS, NAME or @ALIAS; None: champion."""
    model, mark, alias = (wanted or "").partition("@")
    if mark and not alias:
        raise UserError(f"{wanted!r} names no alias; expected NAME@ALIAS, such as faceseg@champion")
    return Seat(model or experiment.tracking.registered_model, alias or handover.CHAMPION)


def promote(
    experiment: Experiment,
    console: Console,
    *,
    to: str | None = None,
    registry_uri: str | None = None,
    dry_run: bool = False,
) -> bool:
    """Put a study's best final up for a seat; return whether it has it, or would be given it.

    registry_uri: another MLflow, to which the version is brought if it is promoted there.
    """
    home, seat = Tracker(experiment.tracking_uri), seat_of(experiment, to)
    with answering(home):
        version = candidate(home, experiment)
        standing = read_standing(home, version)
        console.print(
            f"candidate: {standing.name}, the best of study {experiment.study} by validation "
            f"(IoU {standing.metric('best/val_iou'):.4f})",
            highlight=False,
        )
    tracker = Tracker(registry_uri) if registry_uri else home
    with answering(tracker):
        contest = Contest(tracker, home, standing, version, seat, experiment, console)
        return contest.judge_only() if dry_run else contest.hold()


def rollback(experiment: Experiment, console: Console, *, of: str | None = None) -> None:
    """Exchange an alias's holder and the one before it."""
    tracker, seat = Tracker(experiment.tracking_uri), seat_of(experiment, of)
    with answering(tracker):
        state = handover.read(tracker.client, seat)
        before, now = state.previous, state.holder
        if now is None or before is None or before == now:
            raise UserError(
                f"{seat.model} has no version before its {seat.alias}: there is no way back"
            )
        if not handover.hand_over(tracker.client, seat, state, before):
            raise UserError(
                f"version {now} of {seat.model} lost its place to another command in this very"
                " moment; look with `faceseg models`, and roll back again if you still want to"
            )
        said = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, for version {before}"
        tracker.client.set_model_version_tag(seat.model, now, "rolled_back", said)
        console.print(
            f"{seat.alias} of {seat.model} is version {before} again; {seat.previous} is version"
            f" {now}",
            highlight=False,
        )


def candidate(tracker: Tracker, experiment: Experiment) -> ModelVersion:
    """Return the version of a study's best final: by validation score, over all architectures."""
    model, study = experiment.tracking.registered_model, experiment.study
    found = tracker.client.get_experiment_by_name(experiment.name)
    runs = tracker.find_runs(found.experiment_id, study=study, kind="study") if found else []
    best: dict[str, registry.Best] = {}
    if runs:
        prefix, tags = "faceseg.winner.", runs[0].data.tags
        winners = {key.removeprefix(prefix): tags[key] for key in tags if key.startswith(prefix)}
        best = registry.best_finals(tracker, found.experiment_id, study, model, winners)
    if not best:
        raise UserError(
            f"study {study} has no final in {redact(tracker.uri)} that is a version of {model}:"
            " run `faceseg study` with this experiment to its end first"
        )
    return tracker.client.get_model_version(model, reduce(registry.better, best.values()).version)
