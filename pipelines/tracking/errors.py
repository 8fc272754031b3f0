"""MLflow's failures as a paragraph that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from requests import RequestException

from faceseg.errors import UserError
from pipelines.config.secrets import redact
from pipelines.tracking import Tracker
from pipelines.tracking.tracker import failure_reason

HINTS = {
    "UNAUTHENTICATED": "sign in: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "PERMISSION_DENIED": "it takes a user who may edit the experiment's runs and the registered "
    "model; sign in with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "RESOURCE_DOES_NOT_EXIST": "see what there is with `faceseg models`",
    "INVALID_PARAMETER_VALUE": "see what there is with `faceseg models`",
}


@contextmanager
def user_errors(tracker: Tracker) -> Iterator[None]:
    """UserError if MLflow is not there, or refuses."""
    try:
        tracker.probe()
        yield
    except (MlflowException, RequestException) as error:
        code = getattr(error, "error_code", "")
        hint = HINTS.get(code, "start it, or set tracking.uri to where it is")
        said = failure_reason(error).rstrip(".")
        raise UserError(f"MLflow at {redact(tracker.uri)}: {said}; {hint}") from error
