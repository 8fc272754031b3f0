"""Validation of requests: the size of the body, the image file and the token."""

import hmac
import io
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from tempfile import NamedTemporaryFile

import numpy as np
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from pipelines.config.server_access import foreign_request

MEDIA_TYPE = "application/problem+json"
UNAUTHENTICATED_PATHS = ("/healthz", "/readyz")  # load balancers send no token
# Pillow warns above 89 million pixels and raises above twice that number.
DECOMPRESSION_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


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


def read_photograph(content: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG file as training images are decoded.

    Args:
        content: The content of the file.
        max_pixels: The maximum number of pixels.

    Returns:
        The image (H, W, 3), uint8 RGB, upright.

    Raises:
        HttpProblem: 415 for other files; 413 for too many pixels, read from the header; 400 for
            an empty or damaged file.
    """
    if not content:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "the body is empty; expected a JPEG or PNG file")
    _check_header(content, max_pixels)
    with NamedTemporaryFile(prefix="faceseg-") as file:
        file.write(content)
        file.flush()
        try:
            return read_image(file.name)
        except BadFile as error:
            raise HttpProblem(
                HTTPStatus.BAD_REQUEST, f"{error.wrong}; expected {error.expected}"
            ) from error


def _check_header(content: bytes, max_pixels: int) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            width, height = image.size
    except DECOMPRESSION_BOMBS as error:
        raise _too_many_pixels("the header declares more", max_pixels) from error
    except Exception as error:  # a malicious header can raise almost anything
        raise HttpProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body is not a JPEG or PNG file, or its header is broken; send the file itself",
        ) from error
    if width * height > max_pixels:
        raise _too_many_pixels(f"{width:,} x {height:,}", max_pixels)


def _too_many_pixels(given: str, max_pixels: int) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many pixels ({given}); expected at most {max_pixels:,}",
    )


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
