"""Validation of requests, the size of the body and the token, and the form of refusals."""

import hmac
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse

from faceseg.data.problems import BadFile, TooManyPixels, UnknownFormat
from pipelines.config.server_access import foreign_request

MEDIA_TYPE = "application/problem+json"
UNAUTHENTICATED_PATHS = ("/healthz", "/readyz")  # load balancers send no token


class HttpProblem(Exception):  # noqa: N818  # RFC 9457 calls it a problem
    """A refused request, sent as problem details in JSON (RFC 9457).

    Args:
        status: The HTTP status.
        detail: What was wrong with the request.
        headers: Further headers of the response.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """Return the HTTP response."""
        content = {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        return JSONResponse(content, self.status.value, headers=self.headers, media_type=MEDIA_TYPE)


async def read_body(
    headers: Mapping[str, str], chunks: AsyncIterator[bytes], max_bytes: int
) -> bytes:
    """Return the body of a request.

    Args:
        headers: The headers of the request.
        chunks: The body as it arrives.
        max_bytes: The maximum size in bytes.

    Raises:
        HttpProblem: 413, as soon as the size is known to exceed `max_bytes`.
    """
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_many_bytes(f"{int(announced):,} bytes", max_bytes)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise _too_many_bytes("the body is longer", max_bytes)
    return bytes(body)


def bad_photograph(error: BadFile) -> HttpProblem:
    """Return the refusal of a photograph that cannot be decoded.

    Its status is 415 for other files, 413 for too many pixels, and 400 for every other file, such
    as an empty or damaged one.
    """
    status = HTTPStatus.BAD_REQUEST
    if isinstance(error, UnknownFormat):
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    elif isinstance(error, TooManyPixels):
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HttpProblem(status, str(error))


def _too_many_bytes(given: str, max_bytes: int) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many bytes ({given}); expected at most {max_bytes:,}",
        {"Connection": "close"},
    )


def check_sender(method: str, headers: Mapping[str, str], *, check_host: bool) -> None:
    """Refuse requests that other web pages cause in a visitor's browser.

    Args:
        method: The method of the request.
        headers: The headers of the request.
        check_host: See `foreign_request`.

    Raises:
        HttpProblem: 421 for another host name; 403 for another page.
    """
    if refusal := foreign_request(method, headers, check_host=check_host):
        raise HttpProblem(*refusal)


def check_token(given: str | None, expected: str | None, path: str) -> None:
    """Verify the token of a request.

    Args:
        given: The `Authorization` header.
        expected: The token of the server; None if it has none.
        path: The path of the request; `UNAUTHENTICATED_PATHS` need no token.

    Raises:
        HttpProblem: 401, if the header does not contain the token.
    """
    if expected is None or path in UNAUTHENTICATED_PATHS:
        return
    scheme, _, found = (given or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        found.strip().encode(), expected.encode()
    ):
        raise HttpProblem(
            HTTPStatus.UNAUTHORIZED,
            "expected the header `Authorization: Bearer TOKEN` with the token of the server",
            {"WWW-Authenticate": "Bearer"},
        )
