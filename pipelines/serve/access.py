"""The token of a request against the server's."""

import hmac
from http import HTTPStatus

from pipelines.serve.problems import Problem

OPEN_PATHS = ("/healthz", "/readyz")  # a load balancer asks without a token


def check(given: str | None, wanted: str | None, path: str) -> None:
    """Problem 401 unless the header `Authorization` bears the token that is wanted."""
    if wanted is None or path in OPEN_PATHS:
        return
    scheme, _, found = (given or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        found.strip().encode(), wanted.encode()
    ):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "expected the header `Authorization: Bearer TOKEN` with the server's token",
            {"WWW-Authenticate": "Bearer"},
        )
