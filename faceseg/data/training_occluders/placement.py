"""An occluder on a training image: one stamp, coloured, rotated, scaled and pasted on the face.

Shapes: H rows, W columns.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.random_streams import OCCLUDER, Seed, image_generator
from faceseg.data.training_occluders.objects import OBJECTS
from faceseg.data.training_occluders.settings import KINDS, VERSION, Kind, Occluders
from faceseg.data.training_occluders.stamps import LEVELS, SIDE, Sketch, Stamp

Pixels = NDArray[np.uint8]

_OPAQUE = 128  # of 255; a pixel of this opacity shows the object
STAMPS = 16  # of each kind
SHARES = (0.05, 0.50)  # of the face's area: the range of occ-v1's severities
_UPRIGHT = 25.0  # standard deviation of the angle of an object that someone holds, in degrees
_ANY_ANGLE: frozenset[Kind] = frozenset({"foliage"})
_LEAVES = ((70, 110, 40), (120, 150, 60), (170, 120, 40), (40, 80, 50))  # RGB


@dataclass(frozen=True, kw_only=True)
class Occluder:
    """One sampled occluder.

    Attributes:
        kind: The kind of the object.
        number: Which of the kind's stamps, below `STAMPS`.
        share: The share of the face that it covers, about.
        place: The face pixel that its middle is on, from 0 (first) to below 1 (last).
        degrees: Its rotation.
        mirrored: Whether it is mirrored.
        colours: The main and the second colour, RGB (2, 3).
    """

    kind: Kind
    number: int
    share: float
    place: float
    degrees: float
    mirrored: bool
    colours: NDArray[np.float64]


class TrainingOccluders:
    """The occluders of a training, determined by (seed, epoch, index) of each image."""

    def __init__(self, settings: Occluders, classes: ClassSet) -> None:
        self.settings = settings
        self.classes = classes
        if settings.share > 0:  # drawn now, and not by several threads at once
            for kind in settings.kinds:
                stamps_of(kind)

    def occlude(self, image: Pixels, labels: Pixels, seed: Seed) -> tuple[Pixels, Pixels]:
        """Return image (H, W, 3) and labels (H, W), most of them as they are; see `occlude`."""
        if self.settings.share == 0:
            return image, labels
        generator = image_generator(seed, OCCLUDER)
        if generator.random() >= self.settings.share:
            return image, labels
        kind = self.settings.kinds[int(generator.integers(len(self.settings.kinds)))]
        share = float(generator.uniform(*SHARES))
        return occlude(image, labels, sample(kind, share, generator), self.classes)


def sample(kind: Kind, share: float, generator: np.random.Generator) -> Occluder:
    """Sample an occluder of a kind that covers about a share of the face."""
    free = kind in _ANY_ANGLE
    degrees = generator.uniform(-180, 180) if free else generator.normal(0, _UPRIGHT)
    return Occluder(
        kind=kind,
        number=int(generator.integers(STAMPS)),
        share=share,
        place=float(generator.random()),
        degrees=float(degrees),
        mirrored=bool(generator.random() < 0.5),
        colours=_colours(kind, generator),
    )


def occlude(
    image: Pixels, labels: Pixels, occluder: Occluder, classes: ClassSet
) -> tuple[Pixels, Pixels]:
    """Return an image (H, W, 3) with an occluder, and its labels (H, W).

    Pixels that the object covers by at least half become background, also where the label was
    ignored: the object is what they show. A shadow changes no labels. Without a face, the image
    is returned as it is. The inputs are not modified.
    """
    table = np.zeros(256, np.uint8)
    table[list(classes.face)] = 1
    face = np.flatnonzero(np.asarray(cv2.LUT(labels, table), np.uint8).view(np.bool_))
    if not len(face):
        return image, labels
    row, column = divmod(int(face[int(occluder.place * len(face))]), labels.shape[1])
    stamp = stamps_of(occluder.kind)[occluder.number]
    # A part of the object is beside the face, the more the larger it is (fitted to drawn faces).
    area = (1.1 + 0.9 * occluder.share) * occluder.share * len(face)
    scale = math.sqrt(area / stamp.area)
    level = min(LEVELS - 1, max(0, math.floor(-math.log2(scale))))
    matrix = _matrix(occluder, stamp, (column, row), scale, level)
    corners = matrix @ _corners(SIDE >> level)
    left, top = np.maximum(np.floor(corners.min(axis=1)).astype(int), 0)
    right, bottom = np.ceil(corners.max(axis=1)).astype(int) + 1
    part = np.s_[top : min(bottom, labels.shape[0]), left : min(right, labels.shape[1])]
    matrix[:, 2] -= (left, top)
    image, labels = image.copy(), labels.copy()
    _paste(stamp.levels[level], matrix, occluder.colours, image[part], labels[part])
    return image, labels


@cache
def stamps_of(kind: Kind) -> tuple[Stamp, ...]:
    """Return the stamps of a kind, the same in every process."""
    stamps = []
    for number in range(STAMPS):
        key = [*VERSION.encode(), KINDS.index(kind), number]
        sketch = Sketch()
        OBJECTS[kind](sketch, np.random.default_rng(key))
        stamps.append(sketch.stamp())
    return tuple(stamps)


def _paste(
    stamp: Pixels,
    matrix: NDArray[np.float64],
    colours: NDArray[np.float64],
    image: Pixels,
    labels: Pixels,
) -> None:
    """Paste a stamp into a part of an image and of its labels, in place; background is id 0."""
    height, width = labels.shape
    warped = cv2.warpAffine(stamp, matrix, (width, height), flags=cv2.INTER_LINEAR)
    lights = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)  # `transform` is fast for three channels only
    mixture = np.ones((3, 3))
    mixture[:, :2] = colours.T / 255
    opacity = cv2.extractChannel(warped, 3)
    behind = cv2.cvtColor(cv2.bitwise_not(opacity), cv2.COLOR_GRAY2RGB)
    cv2.add(cv2.multiply(image, behind, scale=1 / 255), cv2.transform(lights, mixture), dst=image)
    labels *= opacity < _OPAQUE


def _matrix(
    occluder: Occluder, stamp: Stamp, place: tuple[int, int], scale: float, level: int
) -> NDArray[np.float64]:
    """Return the affine map (2, 3) from pixels of a stamp's level to pixels of the image."""
    angle = math.radians(occluder.degrees)
    cosine, sine = (scale * 2**level * each for each in (math.cos(angle), math.sin(angle)))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    if occluder.mirrored:
        turn[:, 0] *= -1
    middle = np.array(stamp.centre) * (SIDE >> level) - 0.5
    return np.concatenate([turn, (np.array(place) - turn @ middle)[:, None]], axis=1)


def _corners(side: int) -> NDArray[np.float64]:
    """Return the corners of a square of pixels as columns (x, y, 1), shape (3, 4)."""
    end = side - 0.5
    return np.array([[-0.5, end, -0.5, end], [-0.5, -0.5, end, end], [1.0] * 4])


def _colours(kind: Kind, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return two colours (2, 3): leaves are green or brown, everything else has any colour."""
    colours = generator.uniform(15, 250, (2, 3))
    grey = colours.mean(axis=1, keepdims=True)
    colours = grey + (colours - grey) * generator.uniform(0.3, 1.5, (2, 1))
    if kind == "foliage":
        leaves = np.array(_LEAVES, np.float64)[generator.integers(len(_LEAVES), size=2)]
        colours = leaves * generator.uniform(0.6, 1.4, (2, 1))
    return np.clip(colours, 5, 250)
