"""What comes in: a body of so many bytes at most, an image of so many pixels at most."""

import io
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from pipelines.serve.problems import Problem

# Pillow warns above 89 million pixels and raises above twice as many.
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


async def read_body(headers: Mapping[str, str], chunks: AsyncIterator[bytes], most: int) -> bytes:
    """Return the body of a request. Problem 413 as soon as it is known to be over `most` bytes."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_long(f"{int(announced):,} bytes", most)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise _too_long("the body goes on", most)
    return bytes(body)


def photograph(content: bytes, most_pixels: int) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) of a JPEG or PNG file, upright, read as training images are.

    Problem 415: no such image; 413: too many pixels, told by the header; 400: it is damaged.
    """
    if not content:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is empty; expected a JPEG or PNG file")
    _check_header(content, most_pixels)
    with NamedTemporaryFile(prefix="faceseg-") as file:
        file.write(content)
        file.flush()
        try:
            return read_image(file.name)
        except BadFile as error:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"{error.wrong}; expected {error.expected}"
            ) from error


def _check_header(content: bytes, most_pixels: int) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            width, height = image.size
    except BOMB as error:
        raise _too_large("its header names more", most_pixels) from error
    except Exception as error:  # whatever a header made by a stranger provokes
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body is no JPEG or PNG file, or its header is broken; send the file itself",
        ) from error
    if width * height > most_pixels:
        raise _too_large(f"{width:,} x {height:,}", most_pixels)


def _too_large(given: str, most_pixels: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many pixels ({given}); expected at most {most_pixels:,}",
    )


def _too_long(given: str, most: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"too many bytes ({given}); expected at most {most:,}",
        {"Connection": "close"},
    )
