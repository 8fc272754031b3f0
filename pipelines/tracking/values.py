"""Values in the form that MLflow accepts, and its errors in a few words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from requests import RequestException

from faceseg.errors import first_line

CREDENTIAL_CODES = ("UNAUTHENTICATED", "PERMISSION_DENIED")  # MLflow's for HTTP 401 and 403


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the finite values: MLflow accepts no others."""
    return {key: float(value) for key, value in values.items() if math.isfinite(value)}


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings under dotted names."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def failure_reason(error: Exception) -> str:
    """Return in a few words, without passwords, why MLflow does not respond or refuses."""
    if isinstance(error, ConnectionError | RequestException) and "HTTPConnection" in str(error):
        return "no connection"  # the message of requests contains its internals
    reason = first_line(error)[:200]
    code = getattr(error, "error_code", "")
    return f"credentials refused: {reason}" if code in CREDENTIAL_CODES else reason
