"""Grey squares: opaque, and the reference study's see-through pair."""

import cv2
import numpy as np

from faceseg.robustness.occlusion.scene import Image, Mask, Scene, Shape, flat_paint, laid_over
from faceseg.robustness.occlusion.star import UNIT

GREY = 128


def gray_square(scene: Scene) -> Shape:
    """Draw an opaque mid-grey square about a random point of the face.

    Its sides fill from their middles, so that it can cover any share of the face; at each
    scale it is a square to within one pixel.
    """
    height, width = scene.labels.shape
    column, row = scene.face_pixel()
    across = np.abs(np.arange(width)[None, :] - column)
    down = np.abs(np.arange(height)[:, None] - row)
    filling = 0.5 / max(height, width)
    reach = np.maximum(across, down) + filling * np.minimum(across, down)
    return Shape((reach * UNIT).astype(np.int32), flat_paint((GREY, GREY, GREY), (height, width)))


def gray_square_translucent(scene: Scene) -> Shape:
    """Draw the reference study's occluder: two nested half-transparent grey squares.

    The inner one has half the outer one's side. The face shows through, so labels stand.
    """
    square = gray_square(scene)

    def paint(image: Image, mask: Mask) -> Image:
        growth = square.growth
        scale = int(growth[mask].max(initial=0))
        once = _halfway(image)
        outer = laid_over(image.copy(), once, mask)
        return laid_over(outer, _halfway(once), mask & (growth <= scale // 2))

    return Shape(square.growth, paint, label=None)


def _halfway(image: Image) -> Image:
    """Blend an image half and half with grey."""
    table = ((np.arange(256) + GREY) // 2).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)
