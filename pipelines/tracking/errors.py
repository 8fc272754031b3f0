"""Convert MLflow's errors to messages with advice."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from requests import RequestException

from faceseg.errors import UserError
from pipelines.config.secrets import redact
from pipelines.tracking import Tracker
from pipelines.tracking.values import failure_reason

HINTS = {
    "UNAUTHENTICATED": "sign in: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "PERMISSION_DENIED": "sign in as a user who may edit the experiment's runs and the registered "
    "model: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "RESOURCE_DOES_NOT_EXIST": "list the existing models with `faceseg models`",
    "INVALID_PARAMETER_VALUE": "list the existing models with `faceseg models`",
}


@contextmanager
def user_errors(tracker: Tracker) -> Iterator[None]:
    """Raise MLflow's errors within the context as UserError.

    Args:
        tracker: The MLflow store; it is probed first.

    Raises:
        UserError: MLflow does not respond, or refuses a request.
    """
    try:
        tracker.probe()
        yield
    except (MlflowException, RequestException) as error:
        code = getattr(error, "error_code", "")
        hint = HINTS.get(code, "start it, or set tracking.uri to its address")
        reason = failure_reason(error).rstrip(".")
        raise UserError(f"MLflow at {redact(tracker.uri)}: {reason}; {hint}") from error
