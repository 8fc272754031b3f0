"""A soft-cornered, textured blob."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.scene import Image, Scene, Shape, texture_paint
from faceseg.robustness.occlusion.star import outline_reach, star_growth

_STEPS = 24  # points on each Bezier arc


def blob(scene: Scene) -> Shape:
    """Draw a closed Bezier curve of 3 to 15 points about a random point of the face."""
    generator = scene.generator
    anchor = scene.face_pixel()
    corners = int(generator.integers(3, 16))
    turns = np.arange(corners) + generator.uniform(-0.3, 0.3, corners)
    turns = (turns + generator.uniform()) * (2 * math.pi / corners)
    radii = generator.uniform(0.55, 1.0, corners) * math.sqrt(scene.face.sum())
    points = np.stack([np.cos(turns) * radii, np.sin(turns) * radii], axis=1)
    growth = star_growth(scene.labels.shape, anchor, outline_reach(_closed_bezier(points)))
    return Shape(growth, texture_paint(_marbled(scene)))


def _closed_bezier(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round off a polygon (K, 2) by quadratic arcs from side middle to side middle.

    A polygon that is star-shaped about (0, 0) stays so.
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


def _marbled(scene: Scene) -> Image:
    """Draw a texture (H, W, 3): two random colours mixed by noise of two wavelengths."""
    height, width = scene.labels.shape
    generator = scene.generator
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
