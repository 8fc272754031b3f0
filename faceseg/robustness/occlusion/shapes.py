"""Occluders without a real object: a textured blob, grey squares, and cells of a grid."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.occluder import (
    NEVER,
    Image,
    Mask,
    Occluder,
    OccluderInput,
    flat_painter,
    overlay,
    texture_painter,
)
from faceseg.robustness.occlusion.star_shapes import UNIT, outline_reach, star_growth

GREY = 128

_STEPS = 24  # points on each Bezier arc


def blob(source: OccluderInput) -> Occluder:
    """Draw a closed Bezier curve of 3 to 15 points around a random point of the face."""
    generator = source.generator
    anchor = source.face_pixel()
    corners = int(generator.integers(3, 16))
    turns = np.arange(corners) + generator.uniform(-0.3, 0.3, corners)
    turns = (turns + generator.uniform()) * (2 * math.pi / corners)
    radii = generator.uniform(0.55, 1.0, corners) * math.sqrt(source.face.sum())
    points = np.stack([np.cos(turns) * radii, np.sin(turns) * radii], axis=1)
    growth = star_growth(source.labels.shape, anchor, outline_reach(_closed_bezier(points)))
    return Occluder(growth, texture_painter(_marbled(source)))


def _closed_bezier(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round a polygon (K, 2) with quadratic arcs between the middles of its sides.

    A polygon that is star-shaped about (0, 0) stays star-shaped.
    """
    after = (points + np.roll(points, -1, axis=0)) / 2
    before = np.roll(after, 1, axis=0)
    step = (np.arange(_STEPS) / _STEPS)[None, :, None]
    arcs = (
        before[:, None] * (1 - step) ** 2
        + points[:, None] * (2 * step * (1 - step))
        + after[:, None] * step**2
    )
    return arcs.reshape(-1, 2)


def _marbled(source: OccluderInput) -> Image:
    """Return a texture (H, W, 3): two random colours, mixed by noise of two wavelengths."""
    height, width = source.labels.shape
    generator = source.generator
    first, second = generator.uniform(20, 235, (2, 3))
    mixture = np.zeros((height, width), np.float32)
    for cells, share in ((10, 0.7), (40, 0.3)):
        coarse = generator.uniform(0, share, (cells, cells)).astype(np.float32)
        mixture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    contrast = np.clip((mixture - 0.5) * 1.6 + 0.5, 0, 1)
    planes = [
        (start + (end - start) * contrast).astype(np.uint8)
        for start, end in zip(first, second, strict=True)
    ]
    return np.asarray(cv2.merge(planes), np.uint8)


# --- Grey squares: an opaque one, and the reference study's translucent pair.


def gray_square(source: OccluderInput) -> Occluder:
    """Draw an opaque mid-grey square around a random point of the face.

    Pixels on its sides are covered from the middle outwards, so that it can reach any share of
    the face. At each scale it is a square to within one pixel.
    """
    height, width = source.labels.shape
    column, row = source.face_pixel()
    across = np.abs(np.arange(width)[None, :] - column)
    down = np.abs(np.arange(height)[:, None] - row)
    filling = 0.5 / max(height, width)
    reach = np.maximum(across, down) + filling * np.minimum(across, down)
    return Occluder(
        (reach * UNIT).astype(np.int32), flat_painter((GREY, GREY, GREY), (height, width))
    )


def gray_square_translucent(source: OccluderInput) -> Occluder:
    """Draw the reference study's occluder: two nested half-transparent grey squares.

    The inner square has half the side of the outer one. The face shows through, so the labels
    do not change.
    """
    square = gray_square(source)

    def paint(image: Image, mask: Mask) -> Image:
        growth = square.growth
        scale = int(growth[mask].max(initial=0))
        once = _halfway(image)
        outer = overlay(image.copy(), once, mask)
        return overlay(outer, _halfway(once), mask & (growth <= scale // 2))

    return Occluder(square.growth, paint, label=None)


def _halfway(image: Image) -> Image:
    """Blend an image with grey in equal parts."""
    table = ((np.arange(256) + GREY) // 2).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


# --- Hide-and-seek: the cells of a grid are covered one by one.
#
# Source: Singh and Lee 2017, who hide random cells and fill them with the mean colour.
# Departures: cells are covered in one random order, so that a higher severity only adds cells;
# only cells that touch the face are covered.


def patches(source: OccluderInput) -> Occluder:
    """Draw cells of a grid in the image's mean colour; a side is 9 to 16 % of the face's width.

    The last cell is covered from its middle outwards until the severity is reached.
    """
    height, width = source.labels.shape
    side = max(2, round(source.box.width * float(source.generator.uniform(0.09, 0.16))))
    down, across = (int(offset) for offset in source.generator.integers(0, side, 2))
    rows, columns = np.arange(height) + down, np.arange(width) + across
    cells = (rows // side)[:, None] * (columns[-1] // side + 1) + columns // side
    ranks = _ranks(cells, source.face, source.generator)
    middle = (side - 1) / 2
    from_middle = np.maximum(np.abs(rows % side - middle)[:, None], np.abs(columns % side - middle))
    growth = ranks[cells] * side + from_middle.astype(np.int64)
    colour = source.image.reshape(-1, 3).mean(axis=0)
    red, green, blue = (int(channel) for channel in colour)
    return Occluder(
        np.minimum(growth, NEVER).astype(np.int32),
        flat_painter((red, green, blue), (height, width)),
    )


def _ranks(
    cells: np.ndarray[tuple[int, int], np.dtype[np.int64]],
    face: Mask,
    generator: np.random.Generator,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rank of each cell: from 1 on if it touches the face, otherwise NEVER."""
    touching = np.flatnonzero(np.bincount(cells[face]))
    ranks = np.full(int(cells.max()) + 1, NEVER, np.int64)
    ranks[touching] = generator.permutation(len(touching)) + 1
    return ranks
