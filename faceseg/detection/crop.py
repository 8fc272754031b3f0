"""Squares of a photograph: where the crop of a face is, and the crop by one affine warp."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.data.images import resize_image
from faceseg.detection.face import Face, Pixels, Point

# Pixels of the classes of the face, as a share of the square of its box, which reaches from the
# forehead to the chin: 0.82 for drawn faces, 0.88 for rendered ones, 1.06 with the neck as skin.
FACE_PIXELS = 0.9
MIN_SHARE, MAX_SHARE = 0.2, 0.8  # beyond these, labels are of something else than faces
MAX_MARGIN = 4.0  # on each side, of the box: with a larger one a face has few pixels
MAX_CROP = 1024  # pixels a side, from which the network's grid is made by area interpolation


@dataclass(frozen=True)
class Square:
    """A rotated square of a photograph.

    Attributes:
        centre: x and y in pixels (see `faceseg.detection.face`).
        side: The length of a side in pixels.
        roll: The clockwise rotation in degrees.
    """

    centre: Point
    side: float
    roll: float

    def to_photograph(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the map (2, 3) from pixels of a crop of `size` (rows, columns) to photograph's.

        As in OpenCV, a pixel's coordinates are its indices, (x, y, 1).
        """
        rows, columns = size
        angle = math.radians(self.roll)
        turn = self.side * np.array(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        turn /= (columns, rows)
        middle = np.array([columns - 1, rows - 1]) / 2
        return np.column_stack([turn, np.array(self.centre) - 0.5 - turn @ middle])

    def bounds(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Return the rows and columns of a photograph of `size` (H, W) that the square reaches."""
        angle = math.radians(self.roll)
        reach = self.side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle)))
        (left, right), (top, bottom) = (
            np.clip([math.floor(middle - reach) - 1, math.ceil(middle + reach) + 1], 0, end)
            for middle, end in zip(self.centre, reversed(size), strict=True)
        )
        return slice(int(top), int(bottom)), slice(int(left), int(right))


@dataclass(frozen=True)
class Framing:
    """The place of a face in its crop, which should be that of the faces in a network's training.

    Attributes:
        share: The size of the face's box as a share of the crop's side.
        down: The distance of the box's centre below the crop's, as a share of the crop's side.
    """

    share: float = 0.45
    down: float = 0.08

    @classmethod
    def of(cls, origin: Mapping[str, Any]) -> Self:
        """Return the framing of a network's training, by its origin.

        A training on face boxes has a `face_box` with their margin. For others it follows from
        `face_share`, the share of the training's pixels in classes of the face. A network with
        neither gets the default, between those of LaPa and of close portraits.
        """
        if (margin := face_box_margin(origin)) is not None:
            return cls.with_margin(margin)
        found = origin.get("face_share")
        if not isinstance(found, int | float) or not 0 < found < 1:
            return cls()
        return cls(min(max(math.sqrt(found / FACE_PIXELS), MIN_SHARE), MAX_SHARE))

    @classmethod
    def with_margin(cls, margin: float) -> Self:
        """Return the framing with a margin on each side, as a share of the face's box."""
        return cls(1 / (1 + 2 * margin))

    def square(self, face: Face) -> Square:
        """Return the square of the photograph that a face's crop shows."""
        side = face.size / self.share
        angle = math.radians(face.roll)
        x, y = face.centre
        up = self.down * side
        return Square((x + up * math.sin(angle), y - up * math.cos(angle)), side, face.roll)


def face_box_margin(origin: Mapping[str, Any]) -> float | None:
    """Return the margin of the face boxes that a network was trained on; None for whole images."""
    found = origin.get("face_box")
    margin = found.get("margin") if isinstance(found, Mapping) else None
    if isinstance(margin, int | float) and 0 <= margin <= MAX_MARGIN:
        return float(margin)
    return None


def natural_crop(image: Pixels, square: Square) -> Pixels:
    """Return the upright crop of a square, at the image's own resolution or smaller."""
    return upright_crop(image, square, min(max(round(square.side), 1), MAX_CROP))


def upright_labels(labels: Pixels, square: Square, size: int) -> Pixels:
    """Return the labels (size, size) of `upright_crop`, by the nearest pixel.

    Beyond the border of the labels (H, W) they are `IGNORE`, as in the training's augmentation.
    """
    crop = cv2.warpAffine(
        labels,
        square.to_photograph((size, size)),
        (size, size),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=IGNORE,
    )
    return np.asarray(crop, np.uint8)


def upright_crop(image: Pixels, square: Square, size: int) -> Pixels:
    """Return a square of an image as an upright crop.

    Beyond the image's border the image is reflected, as in the training's augmentation. A larger
    square is first reduced by area interpolation, so that no pixel is passed over.

    Args:
        image: uint8 RGB (H, W, 3).
        square: A square that reaches the image.
        size: The side of the crop in pixels.

    Returns:
        uint8 RGB (size, size, 3).
    """
    rows, columns = square.bounds((image.shape[0], image.shape[1]))
    part = image[rows, columns]
    height, width = part.shape[:2]
    scale = min(1.0, size / square.side)
    reduced = resize_image(part, (max(1, round(height * scale)), max(1, round(width * scale))))
    matrix = square.to_photograph((size, size))
    matrix[:, 2] += 0.5 - np.array([columns.start, rows.start])  # now in the part, without 1/2
    matrix *= np.array([[reduced.shape[1] / width], [reduced.shape[0] / height]])
    matrix[:, 2] -= 0.5
    crop = cv2.warpAffine(
        reduced,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(crop, np.uint8)
