"""Restore the runs and versions of a study that were deleted in MLflow, before it continues."""

from functools import partial

from mlflow.entities import Run, ViewType

from pipelines.job.context import StudyContext
from pipelines.job.job import JobKey
from pipelines.job.winners import read_winners
from pipelines.registry import study_aliases
from pipelines.registry.recorded_finals import StoredFinals, read_finals, register_again
from pipelines.search.derived_models import derived_members
from pipelines.tracking import Tracker
from pipelines.tracking.paging import all_pages

DONE = "faceseg.done"


def restore_runs(tracker: Tracker, experiment_id: str, study: str) -> list[str]:
    """Restore the deleted runs of a study that have no newer run in their place.

    Args:
        tracker: The MLflow store.
        experiment_id: The MLflow experiment's id.
        study: The study's name.

    Returns:
        Messages.
    """
    restored: list[str] = []
    wanted = f"tags.`faceseg.study` = '{study}'"
    search = tracker.client.search_runs
    deleted = all_pages(partial(search, [experiment_id], wanted, ViewType.DELETED_ONLY))
    known = {_identity(run) for run in tracker.find_runs(experiment_id, study=study)}
    for run in sorted(deleted, key=lambda each: each.info.start_time):
        if _identity(run) not in known:
            tracker.client.restore_run(run.info.run_id)
            known.add(_identity(run))
            restored.append(str(run.info.run_name))
    if not restored:
        return []
    return [
        f"restored runs that were deleted in MLflow: {', '.join(restored)}. They belong to this "
        "study; to start from the beginning, give the experiment another name"
    ]


def _identity(run: Run) -> tuple[str | None, ...]:
    names = ("kind", "architecture", "trial", "winner")
    return tuple(run.data.tags.get(f"faceseg.{name}") for name in names)


def recover_finals(context: StudyContext, run: Run, *, finished: bool) -> tuple[list[str], bool]:
    """Register finals again whose versions were deleted, and find finals that were lost.

    Args:
        context: The study.
        run: The study's run as MLflow has it.
        finished: Whether all of its finals have ended.

    Returns:
        Messages, and whether the study is still finished. It is not if MLflow has lost a final
        that cannot be registered: the study runs this final again.
    """
    messages, finals = [], read_finals(context)
    if registered := register_again(context, finals):
        model = context.experiment.tracking.registered_model
        messages.append(f"registered again as versions of {model}: {', '.join(registered)}")
    if not finished:
        return messages, False
    winners = read_winners(run.data.tags)
    if registered:
        messages += study_aliases.set_aliases(context, winners)
    lost = expected_finals(context, winners, finals) - finals.recorded
    if lost:
        context.tracker.client.delete_tag(context.study_run, DONE)
        labels = ", ".join(sorted(key.label for key in lost))
        messages.append(f"MLflow has lost results of this finished study: {labels}")
    return messages, not lost


def expected_finals(
    context: StudyContext, winners: dict[str, str], finals: StoredFinals
) -> set[JobKey]:
    """Return the finals of a finished study.

    A final that consists of others, or is taught by them, does not exist if one of these failed.

    Args:
        context: The study.
        winners: The digest of each model's winner, or of its members.
        finals: The finals that MLflow has.
    """
    experiment = context.experiment
    derived = derived_members(experiment)
    sources = {**experiment.teachers, **derived}
    failed = finals.failed

    def key(name: str, number: int) -> JobKey:
        winner = winners.get(name, "?")
        return JobKey(kind="final", architecture=name, number=number, winner=winner)

    def exists(name: str, number: int) -> bool:
        return all(
            key(each, number) not in failed and exists(each, number)
            for each in sources.get(name, ())
        )

    return {
        key(name, number)
        for name in (*experiment.trained_networks, *derived)
        for number in range(experiment.finals.seeds)
        if exists(name, number)
    }
