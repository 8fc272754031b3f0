"""A manifest without images, and what MLflow has stored of a study."""

from mlflow.entities import Run

from faceseg.data.manifest import Manifest
from pipelines.job.context import StudyContext
from pipelines.studies import budget

NOTHING = Manifest.model_construct(fingerprint="abc", splits={}, image_size=(32, 32), problems=())


def statuses(context: StudyContext) -> dict[str, str]:
    """Return the status of each run, by its name."""
    runs = context.tracker.client.search_runs([context.experiment_id])
    return {run.info.run_name: run.info.status for run in runs}


def study_run(context: StudyContext) -> Run:
    return context.tracker.client.get_run(context.study_run)


def is_finished(context: StudyContext) -> bool:
    return budget.is_finished(context, study_run(context))
