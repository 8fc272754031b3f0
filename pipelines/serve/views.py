"""A request's photograph on the grid of a network, made in a decoder process.

The module imports no framework, so that a decoder process stays small.

Shapes: H, W the photograph's own rows and columns; h, w those of the network's grid.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import decode_image, resize_image
from faceseg.detection.crop import Framing, Square
from faceseg.detection.face import Face, FaceDetector
from faceseg.detection.opening import open_detector
from faceseg.inference.faces import face_crops

PHOTOGRAPH = "the photograph"  # its name in an error
MAX_FACES = 16  # of a request; the surest are labelled


@dataclass(frozen=True, kw_only=True)
class Views:
    """What a network is shown of a photograph.

    Attributes:
        images: uint8 RGB (h, w, 3): the photograph or each face's crop; with a flip, the mirrored
            image follows each.
        size: The photograph's own size (H, W).
        faces: The faces; None if they were not looked for.
        squares: The square of each face's crop.
    """

    images: list[NDArray[np.uint8]]
    size: tuple[int, int]
    faces: tuple[Face, ...] | None = None
    squares: tuple[Square, ...] = ()


def decode_views(
    content: bytes,
    max_pixels: int,
    grid: tuple[int, int],
    *,
    flip: bool,
    framing: Framing | None = None,
) -> Views:
    """Decode a photograph and resize it, or its faces.

    Args:
        content: The bytes of the file.
        max_pixels: The maximum number of pixels.
        grid: Rows and columns of the network's input.
        flip: Whether to add mirrored images.
        framing: The place of a face in its crop; None to show the whole photograph, as it is shown
            if it has no face.

    Raises:
        BadFile: See `decode_image`.
    """
    image = decode_image(content, PHOTOGRAPH, max_pixels)
    faces = None if framing is None else tuple(_detector().detect(image)[:MAX_FACES])
    squares = tuple(framing.square(face) for face in faces) if framing and faces else ()
    shown = face_crops(image, squares) if squares else [image]
    images = []
    for each in shown:
        images += [each, np.ascontiguousarray(each[:, ::-1])] if flip else [each]
    return Views(
        images=[resize_image(each, grid) for each in images],
        size=(image.shape[0], image.shape[1]),
        faces=faces,
        squares=squares,
    )


@cache
def _detector() -> FaceDetector:
    """Return the detector of this process."""
    return open_detector()
