"""Convert MLflow's errors to messages with advice."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException
from requests import RequestException

from faceseg.errors import UserError, causes
from pipelines.config.database_errors import database_error_message
from pipelines.config.database_servers import server_error_message
from pipelines.config.secrets import redact
from pipelines.tracking.values import CREDENTIAL_CODES, failure_reason

if TYPE_CHECKING:
    from pipelines.tracking.tracker import Tracker

SIGN_IN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
REFUSALS = {
    "UNAUTHENTICATED": f"sign in: {SIGN_IN}",
    "PERMISSION_DENIED": "sign in as a user who may edit the experiment's runs and the registered "
    f"model: {SIGN_IN}",
}
HINTS = {
    "RESOURCE_DOES_NOT_EXIST": "list the existing models with `faceseg models EXPERIMENT`",
    "INVALID_PARAMETER_VALUE": "list the existing models with `faceseg models EXPERIMENT`",
}
STATUS_CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
# How MLflow's client begins its messages about requests without a valid response.
NO_RESPONSE = re.compile(r"API request to .* failed with (exception|timeout|error code 5)", re.S)


def mlflow_error_message(error: BaseException, uri: str) -> str | None:
    """Return advice on an error of MLflow that this program did not cause; None for another one.

    Args:
        error: The error, with its causes.
        uri: MLflow's address.
    """
    for explain in (database_error_message, server_error_message):
        if words := explain(error, uri, "MLflow"):
            return words
    place = f"MLflow at {redact(uri)}"
    for each in causes(error):
        if not isinstance(each, MlflowException | RequestException):
            continue
        reason = failure_reason(each).rstrip(".")
        if refusal := refusal_code(each):
            reason = reason.removeprefix("credentials refused: ")
            return f"{place} refuses these credentials ({reason}): {REFUSALS[refusal]}"
        if isinstance(each, RequestException) or NO_RESPONSE.match(str(each)):
            return (
                f"{place} does not respond ({reason}): start it, or set tracking.uri to its address"
            )
    return None


def refusal_code(error: BaseException) -> str:
    """Return MLflow's code for a refusal of credentials; '' for another error."""
    response = getattr(error, "response", None)
    code = STATUS_CODES.get(getattr(response, "status_code", 0), "")
    code = code or str(getattr(error, "error_code", ""))
    return code if code in CREDENTIAL_CODES else ""


@contextmanager
def user_errors(tracker: "Tracker") -> Iterator[None]:
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
        if words := mlflow_error_message(error, tracker.uri):
            raise UserError(words) from error
        hint = HINTS.get(
            getattr(error, "error_code", ""), "check that tracking.uri is MLflow's address"
        )
        reason = failure_reason(error).rstrip(".")
        raise UserError(f"MLflow at {tracker.uri}: {reason}; {hint}") from error
