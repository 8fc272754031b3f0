"""Use the registered model that already contains versions of a study's finals.

Up to 0.2.0, all data sets shared one registered model. A study that was begun then still uses it.
"""

from mlflow.exceptions import MlflowException
from requests import RequestException

from pipelines.config import Experiment
from pipelines.config.registered_models import SHARED_MODEL
from pipelines.tracking.tracker import Tracker


def with_earlier_model(experiment: Experiment) -> Experiment:
    """Return the experiment with the registered model that its study uses.

    Args:
        experiment: The experiment as its file describes it. It sets no registered model, and the
            default is a model of its own.

    Returns:
        The same experiment, unless MLflow contains versions of its study under the shared name. If
        MLflow does not respond, the experiment is unchanged: the command that needs MLflow reports
        the error.
    """
    local = experiment.tracking.uri is None
    if local and not (experiment.storage / "mlflow.db").exists():
        return experiment
    tracker = Tracker(experiment.tracking_uri)
    try:
        tracker.probe()
        versions = tracker.client.search_model_versions(
            f"name = '{SHARED_MODEL}' and tags.study = '{experiment.study}'", max_results=1
        )
    except (MlflowException, RequestException):
        return experiment
    if not versions:
        return experiment
    earlier = experiment.tracking.model_copy(update={"registered_model": SHARED_MODEL})
    return experiment.model_copy(update={"tracking": earlier})
