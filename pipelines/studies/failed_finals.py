"""The finals of a study that failed; the same command tries them again."""

from pathlib import Path

from mlflow.entities import Run

from faceseg.errors import UserError
from pipelines.job.context import StudyContext
from pipelines.job.winners import read_winners


def failed_finals(context: StudyContext, run: Run) -> dict[str, str]:
    """Return why finals of the present winners failed, by the names of their runs.

    A final whose settings are the cause (its loss is not finite) is not among them: it would fail
    again.

    Args:
        context: The study.
        run: The study's run as MLflow has it.
    """
    experiment = context.experiment
    finals = context.tracker.find_runs(
        context.experiment_id, study=experiment.study, kind="final", state="failed"
    )
    winners = read_winners(run.data.tags)
    failed = {}
    for final in finals:
        tags = {key.removeprefix("faceseg."): value for key, value in final.data.tags.items()}
        current = tags["winner"] == winners.get(tags["architecture"])
        if current and int(tags["trial"]) < experiment.finals.seeds and "own_fault" not in tags:
            failed[str(final.info.run_name)] = tags.get("reason", "unknown")
    return failed


def require_finals(context: StudyContext, results: Path) -> None:
    """Raise UserError if a final of the study failed.

    Args:
        context: The study.
        results: The folder that contains its table.
    """
    if failed := failed_finals(context, context.tracker.client.get_run(context.study_run)):
        reasons = "; ".join(f"{name}: {failed[name]}" for name in sorted(failed))
        raise UserError(
            f"study {context.experiment.study} has lost {len(failed)} of its finals. {reasons}. "
            f"Its table in {results} lacks them. Fix the cause, then re-run the same command: it "
            "tries them again and rebuilds the table"
        )
