"""The input and the result of drawing an occluder, and functions that paint it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]
Painter = Callable[[Image, Mask], Image]

NEVER = 2**31 - 1  # the growth of a pixel that no scale covers


@dataclass(frozen=True, kw_only=True)
class BoundingBox:
    """A box in pixels: its upper left corner and its sides."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class OccluderInput:
    """One labelled image, RGB (H, W, 3) and ids (H, W), and the generator for its occluder.

    A mask may depend on the labels and the random numbers, but never on the image's colours,
    which are only for painting. The labels must have face pixels.
    """

    image: Image
    labels: Labels
    classes: ClassSet
    generator: np.random.Generator

    @cached_property
    def face(self) -> Mask:
        """The pixels of the face, without hair, (H, W)."""
        return mask_of_ids(self.labels, self.classes.face)

    @cached_property
    def box(self) -> BoundingBox:
        """The bounding box of the face, without the outermost 1 % of its pixels on each side."""
        top, bottom = _middle(self.face.sum(axis=1))
        left, right = _middle(self.face.sum(axis=0))
        return BoundingBox(top=top, left=left, height=bottom - top + 1, width=right - left + 1)

    def face_pixel(self) -> tuple[float, float]:
        """Return a random point (x, y) in a face pixel; all pixels have the same probability."""
        pixels = np.flatnonzero(self.face)
        row, column = divmod(int(pixels[self.generator.integers(len(pixels))]), self.face.shape[1])
        across, down = self.generator.uniform(-0.5, 0.5, 2)
        return column + float(across), row + float(down)

    def colour_of(self, ids: tuple[int, ...], otherwise: Colour) -> NDArray[np.float64]:
        """Return the median RGB (3,) of the pixels of these ids, or `otherwise` without any."""
        pixels = self.image[mask_of_ids(self.labels, ids)]
        if len(pixels) == 0:
            return np.array(otherwise, np.float64)
        return np.asarray(np.median(pixels, axis=0), np.float64)


@dataclass(frozen=True)
class Occluder:
    """A drawn occluder; only its scale is still variable.

    Attributes:
        growth: The scale at which each pixel becomes covered, (H, W) int32. A mask therefore
            contains the masks of all smaller scales.
        paint: Returns a copy of an image with the occluder painted inside a mask.
        label: The id of covered pixels; None for a translucent occluder.
    """

    growth: NDArray[np.int32]
    paint: Painter
    label: int | None = 0

    def mask(self, scale: int) -> Mask:
        """Return the pixels that are covered at this scale, (H, W)."""
        return self.growth <= scale


def mask_of_ids(labels: Labels, ids: tuple[int, ...]) -> Mask:
    """Return the pixels (H, W) whose label is one of these ids."""
    table = np.zeros(256, np.uint8)
    table[list(ids)] = 1
    return np.asarray(cv2.LUT(labels, table), np.uint8).view(np.bool_)


def texture_painter(texture: Image) -> Painter:
    """Return a painter that copies a texture (H, W, 3) inside the mask."""

    def paint(image: Image, mask: Mask) -> Image:
        return overlay(image.copy(), texture, mask)

    return paint


def flat_painter(colour: Colour, size: tuple[int, int]) -> Painter:
    """Return a painter of one RGB colour for images of `size` (H, W)."""
    return texture_painter(shaded(np.ones(size, np.float32), np.array(colour, np.float64)))


def shaded(light: NDArray[np.floating], colour: NDArray[np.float64]) -> Image:
    """Return an image (H, W, 3) of one RGB colour (3,) times a light (H, W), clipped to 255."""
    # Plane by plane, because NumPy is several times slower on a last axis of three.
    planes = [np.clip(light * channel, 0, 255).astype(np.uint8) for channel in colour]
    return np.asarray(cv2.merge(planes), np.uint8)


def overlay(image: Image, texture: Image, mask: Mask) -> Image:
    """Write the texture (H, W, 3) into the image where the mask is true; return the image."""
    cv2.copyTo(texture, mask.view(np.uint8), image)
    return image


def _middle(pixels: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first and the last index of the middle 98 % of the pixels."""
    reached = np.cumsum(pixels)
    total = int(reached[-1])
    first = int(np.searchsorted(reached * 100, total, side="right"))
    last = int(np.searchsorted(reached * 100, total * 99, side="left"))
    return first, max(first, last)
