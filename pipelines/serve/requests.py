"""What comes in: a body of so many bytes at most, an image of so many pixels at most."""

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

# Pillow warns above 89 million pixels and raises above twice as many.
DECOMPRESSION_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


async def read_body(headers: Mapping[str, str], chunks: AsyncIterator[bytes], most: int) -> bytes:
    """Return the body of a request. Problem 413 as soon as it is known to be over `most` bytes."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_many_bytes(f"{int(announced):,} bytes", most)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise _too_many_bytes("the body goes on", most)
    return bytes(body)


def read_photograph(content: bytes, most_pixels: int) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) of a JPEG or PNG file, upright, read as training images are.

    Problem 415: no such image; 413: too many pixels, told by the header; 400: it is damaged.
    """
    if not content:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "the body is empty; expected a JPEG or PNG file")
    _check_header(content, most_pixels)
    with NamedTemporaryFile(prefix="faceseg-") as file:
        file.write(content)
        file.flush()
        try:
            return read_image(file.name)
        except BadFile as error:
            raise HttpProblem(
                HTTPStatus.BAD_REQUEST, f"{error.wrong}; expected {error.expected}"
            ) from error


def _check_header(content: bytes, most_pixels: int) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            width, height = image.size
    except DECOMPRESSION_BOMBS as error:
        raise _too_many_pixels("its header names more", most_pixels) from error
    except Exception as error:  # whatever a header made by a stranger provokes
        raise HttpProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body is no JPEG or PNG file, or its header is broken; send the file itself",
        ) from error
    if width * height > most_pixels:
        raise _too_many_pixels(f"{width:,} x {height:,}", most_pixels)


# --- Refusals in one form: problem details as JSON (RFC 9457).

MEDIA_TYPE = "application/problem+json"


class HttpProblem(Exception):  # noqa: N818  # the name that the RFC gives it
    """A request that is refused: `detail` says what was wrong with it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """Return the answer to the request."""
        content = {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        return JSONResponse(content, self.status.value, headers=self.headers, media_type=MEDIA_TYPE)


def _too_many_pixels(given: str, most_pixels: int) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many pixels ({given}); expected at most {most_pixels:,}",
    )


def _too_many_bytes(given: str, most: int) -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many bytes ({given}); expected at most {most:,}",
        {"Connection": "close"},
    )


# --- The token of a request against the server's.

UNAUTHENTICATED_PATHS = ("/healthz", "/readyz")  # a load balancer asks without a token


def check_token(given: str | None, wanted: str | None, path: str) -> None:
    """Problem 401 unless the header `Authorization` bears the token that is wanted."""
    if wanted is None or path in UNAUTHENTICATED_PATHS:
        return
    scheme, _, found = (given or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        found.strip().encode(), wanted.encode()
    ):
        raise HttpProblem(
            HTTPStatus.UNAUTHORIZED,
            "expected the header `Authorization: Bearer TOKEN` with the server's token",
            {"WWW-Authenticate": "Bearer"},
        )
