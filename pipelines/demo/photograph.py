"""The photograph that a visitor gives: checked before it is decoded, upright, not too large.

Shapes: H rows, W columns of the photograph as it is worked on.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import read_image, resize_image
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

Pixels = NDArray[np.uint8]

MAX_BYTES = 20 * 2**20
MAX_SIDE = 1600  # pixels of the longer side; a larger photograph is scaled down to it


@dataclass(frozen=True, eq=False)
class UploadedPhotograph:
    """Pixels, uint8 RGB (H, W, 3), and the size (rows, columns) that the file had."""

    pixels: Pixels
    file_size: tuple[int, int]

    @cached_property
    def digest(self) -> str:
        """What tells this content from any other."""
        return image_digest(self.pixels)

    @property
    def scaled(self) -> bool:
        """Whether it is smaller than in its file."""
        return self.pixels.shape[:2] != self.file_size


def read_upload(path: Path, uploads: Path) -> UploadedPhotograph:
    """Read a file of the folder `uploads`; UserError says in one sentence why it cannot be taken.

    Any other file of this machine is not there, whatever a visitor names.
    """
    if not path.resolve().is_relative_to(uploads.resolve()) or not path.is_file():
        raise UserError(
            "The photograph is no longer here: uploads are kept for an hour. Add it again."
        )
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"The file is larger than {MAX_BYTES // 2**20} MB.")
    try:
        pixels = read_image(path)
    except BadFile as error:
        raise UserError(
            f"This file cannot be shown: {error.wrong}. Expected {error.expected}."
        ) from error
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
