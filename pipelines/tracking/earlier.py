"""Studies that were begun under an earlier form of their experiment's file.

A study's name contains a hash of its settings, so a changed default in a shipped file would
start a new study in place of the one that is half done.
"""

from mlflow.exceptions import MlflowException
from requests import RequestException

from pipelines.config import Experiment
from pipelines.tracking.tracker import Tracker

# `experiments/lapa.yaml` asked for bfloat16 until 0.2.0. Cards before Ampere do it badly.
EARLIER_PRECISION = {"mixed": "mixed_bfloat16"}


def as_begun(experiment: Experiment) -> Experiment:
    """Return the experiment with the precision under which its study was begun.

    Args:
        experiment: As its file describes it today.

    Returns:
        The same experiment, unless MLflow has no study of it but one that differs in the
        earlier precision alone: then the experiment of that study. An MLflow that does not
        answer changes nothing: the command that needs it reports that.
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
