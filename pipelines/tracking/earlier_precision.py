"""Continue studies that were started with an earlier version of their experiment's file.

A study's name contains a hash of its settings. So a changed value in a shipped file would start a
new study instead of resuming the unfinished one.
"""

from mlflow.exceptions import MlflowException
from requests import RequestException

from pipelines.config import Experiment
from pipelines.tracking.tracker import Tracker

# `experiments/lapa.yaml` required bfloat16 until 0.2.0. GPUs before Ampere are slow with it.
EARLIER_PRECISION = {"mixed": "mixed_bfloat16"}


def with_earlier_precision(experiment: Experiment) -> Experiment:
    """Return the experiment with the precision with which its study was started.

    Args:
        experiment: The experiment as its file describes it now.

    Returns:
        The same experiment, unless MLflow contains a study that differs from it only in the
        earlier precision, and no study of it: then the experiment of that study. If MLflow does
        not respond, the experiment is unchanged: the command that needs MLflow reports the error.
    """
    earlier = EARLIER_PRECISION.get(experiment.training.precision)
    local = experiment.tracking.uri is None
    if earlier is None or (local and not (experiment.storage / "mlflow.db").exists()):
        return experiment
    training = experiment.training.model_copy(update={"precision": earlier})
    before = experiment.model_copy(update={"training": training})
    tracker = Tracker(experiment.tracking_uri)
    try:
        tracker.probe()
        found = tracker.client.get_experiment_by_name(experiment.name)
        if found is None or _has_study(tracker, found.experiment_id, experiment):
            return experiment
        return before if _has_study(tracker, found.experiment_id, before) else experiment
    except (MlflowException, RequestException):
        return experiment


def _has_study(tracker: Tracker, experiment_id: str, experiment: Experiment) -> bool:
    return bool(tracker.find_runs(experiment_id, study=experiment.study, kind="study"))
