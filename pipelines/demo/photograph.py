"""Read a visitor's photograph: checked before it is decoded, upright and of limited size.

Shapes: H rows, W columns of the photograph after downscaling.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.images import read_image, resize_image
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

Pixels = NDArray[np.uint8]

MAX_BYTES = 20 * 2**20
MAX_SIDE = 1600  # pixels; a photograph with a longer side is downscaled


@dataclass(frozen=True, eq=False)
class UploadedPhotograph:
    """Pixels, uint8 RGB (H, W, 3), and the size of the file's image (rows, columns)."""

    pixels: Pixels
    file_size: tuple[int, int]

    @cached_property
    def digest(self) -> str:
        """A checksum that identifies the content."""
        return image_digest(self.pixels)

    @property
    def scaled(self) -> bool:
        """Whether it was downscaled."""
        return self.pixels.shape[:2] != self.file_size


def read_upload(path: Path, uploads: Path, decoders: DecoderProcesses) -> UploadedPhotograph:
    """Read an uploaded file.

    Args:
        path: The file that the browser names.
        uploads: The folder of the uploads; files elsewhere are refused.
        decoders: The processes that decode it.

    Raises:
        UserError: The file is not an upload, is too large or is not an image; one sentence.
    """
    if not path.resolve().is_relative_to(uploads.resolve()) or not path.is_file():
        raise UserError("The photograph was deleted: uploads are kept for an hour. Add it again.")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"The file is larger than {MAX_BYTES // 2**20} MB.")
    try:
        return decoders.run(path, _decode, path)
    except BadFile as error:
        raise UserError(
            f"This file cannot be shown: {error.wrong}. Expected {error.expected}."
        ) from error


def _decode(path: Path) -> UploadedPhotograph:
    pixels = read_image(path)
    rows, columns = pixels.shape[:2]
    return UploadedPhotograph(_bounded(pixels), (rows, columns))


def image_digest(pixels: Pixels) -> str:
    """Return a checksum of an image's shape and content."""
    content = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    content.update(np.ascontiguousarray(pixels).data)
    return content.hexdigest()


def _bounded(pixels: Pixels) -> Pixels:
    rows, columns = pixels.shape[:2]
    scale = MAX_SIDE / max(rows, columns)
    if scale >= 1:
        return pixels
    return resize_image(pixels, (max(1, round(rows * scale)), max(1, round(columns * scale))))
