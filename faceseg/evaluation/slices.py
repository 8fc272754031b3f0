"""Slices: the images of a split that share a fact, and a network's score on each of them.

A mean over all images hides groups on which a network is worse. The facts of an image come from its
source (pose, skin tone, occluder: `Item.facts`) and from its pixels and true labels. The latter are
measured here:

- `face_share`: pixels of the face (without hair) as a share of the image's.
- `lightness`: CIE 1976 L* of sRGB, 0 black to 100 white, averaged over the face. It is perceptual,
  because in linear light a few highlights outweigh a face in shadow. It depends on both light and
  skin. (OpenCV's values are used; they are at most 0.2 off, measured.)
- `roll_degrees`: slope of the line between the centres of the eyes; positive is clockwise.

A fact may be missing: no eyes are visible, or a file of landmarks is wrong. Such an image is in no
slice of that fact. The names of facts are listed at `Item.facts`.

Shapes: N images, H rows, W columns, C classes, S seeds.
Source: CIE 15:2018 (L*).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.source import Facts
from faceseg.data.split import Split
from faceseg.metrics.confusion_matrix import Counts, class_iou, mean_of_defined

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]  # of one fact, (N,); NaN where it is unknown
Parts = dict[str, Callable[[Values], Mask]]

ALL = "all images"
MIN_IMAGES = 10  # the score of a smaller slice depends on its images more than on the network
TURNED_DEGREES, TILTED_DEGREES = 20.0, 15.0


@dataclass(frozen=True)
class Slice:
    """A subset of the images.

    Attributes:
        group: The fact by which images are divided, such as "face size".
        part: The part of the group, such as "smallest third".
        members: Which images are in the slice, (N,).
    """

    group: str
    part: str
    members: Mask

    @property
    def name(self) -> str:
        """The name of the slice, such as "face size: smallest third"."""
        return f"{self.group}: {self.part}"


@dataclass(frozen=True)
class Slices:
    """The slices of a split, and for each omitted slice a sentence with the reason."""

    kept: tuple[Slice, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SliceScore:
    """The score of a network on a slice.

    Attributes:
        name: The slice.
        images: The number of its images.
        iou: The mean foreground IoU of its pixels (see `metrics.scores`).
        classes: The number of foreground classes in that mean, averaged over seeds.
    """

    name: str
    images: int
    iou: float
    classes: float


def image_facts(split: Split, classes: ClassSet) -> tuple[Facts, ...]:
    """Return the known and the measured facts of each image of a split that keeps originals."""
    return tuple(
        {**known, **measure_facts(*split.original(index), classes)}
        for index, known in enumerate(split.facts)
    )


def measure_facts(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassSet
) -> dict[str, float]:
    """Return the facts measured in an image (H, W, 3) and its true labels (H, W)."""
    face = np.isin(labels, classes.face)
    found = {"face_share": float(face.mean())}
    if face.any():
        pixels = image[face][None].astype(np.float32) / 255
        found["lightness"] = float(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., 0].mean())
    eyes = next((pair for pair in classes.pairs if set(pair) <= set(classes.eyes)), ())
    positions = [np.argwhere(labels == each) for each in eyes]
    if positions and all(map(len, positions)):
        left, right = (pixels.mean(axis=0) for pixels in positions)
        down, across = right - left
        found["roll_degrees"] = float(np.degrees(np.arctan2(down, across)))
    return found


def slice_images(facts: Sequence[Facts], fewest: int = MIN_IMAGES) -> Slices:
    """Divide images into slices by their facts.

    The bounds of thirds are quantiles of these images and depend on the data set; the bounds of
    angles are fixed.

    Args:
        facts: The facts of each image, N mappings.
        fewest: Slices with fewer images are omitted, as are those with all images.
    """
    kept, left_out = [], []
    for group, fact, parts in _groups():
        values = _fact_values(facts, fact)
        if not np.isfinite(values).any():
            left_out.append(f"{group}: not known for any image")
            continue
        for part, rule in parts.items():
            found = Slice(group, part, rule(values) & np.isfinite(values))
            count = int(found.members.sum())
            if count < fewest:
                left_out.append(f"{found.name}: {count} images, fewer than {fewest}")
            elif count == len(facts):
                left_out.append(f"{found.name}: every image")
            else:
                kept.append(found)
    return Slices(tuple(kept), tuple(left_out))


def score_slices(counts: Counts, found: Sequence[Slice]) -> tuple[SliceScore, ...]:
    """Return the scores of all images together, then of each slice.

    Args:
        counts: Confusion matrices (N, C, C), or (S, N, C, C) of several seeds.
        found: The slices.

    Raises:
        ValueError: A slice is of another number of images.
    """
    everything = np.ones(counts.shape[-3], dtype=bool)
    if other := [each.name for each in found if each.members.shape != everything.shape]:
        raise ValueError(f"counts of {len(everything)} images, and slices of others: {other}")
    named = [(ALL, everything), *((each.name, each.members) for each in found)]
    return tuple(_score(name, members, counts) for name, members in named)


def worst_slice(rows: Sequence[SliceScore]) -> SliceScore | None:
    """Return the slice with the lowest IoU, the first of equals; None if there is no slice."""
    defined = [row for row in rows if row.name != ALL and np.isfinite(row.iou)]
    return min(defined, key=lambda row: row.iou, default=None)


def _score(name: str, members: Mask, counts: Counts) -> SliceScore:
    iou = class_iou(counts[..., members, :, :].sum(axis=-3))[..., 1:]
    classes = np.isfinite(iou).sum(axis=-1)
    return SliceScore(
        name=name,
        images=int(members.sum()),
        iou=float(np.mean(mean_of_defined(iou))),
        classes=float(np.mean(classes)),
    )


def _groups() -> Iterator[tuple[str, str, Parts]]:
    """Yield each group's name, the name of its fact, and its parts."""
    yield "face size", "face_share", _thirds("smallest", "middle", "largest")
    yield "brightness of the face", "lightness", _thirds("darkest", "middle", "brightest")
    yield "skin tone", "skin_tone", _thirds("lightest", "middle", "darkest")
    yield "turn of the head", "yaw_degrees", _angles(TURNED_DEGREES)
    yield "tilt of the head", "roll_degrees", _angles(TILTED_DEGREES)
    yield (
        "before the face",
        "occluder",
        {"nothing": lambda values: values == 0, "something": lambda values: values == 1},
    )


def _thirds(*names: str) -> Parts:
    def part(number: int) -> Callable[[Values], Mask]:
        def rule(values: Values) -> Mask:
            lower, upper = np.nanquantile(values, [1 / 3, 2 / 3])
            thirds = (values > lower).astype(int) + (values > upper)
            members: Mask = thirds == number
            return members

        return rule

    return {f"{name} third": part(number) for number, name in enumerate(names)}


def _angles(limit: float) -> Parts:
    return {
        f"at most {limit:g} degrees": lambda values: np.abs(values) <= limit,
        f"more than {limit:g} degrees": lambda values: np.abs(values) > limit,
    }


def _fact_values(facts: Sequence[Facts], name: str) -> Values:
    """Return one fact of each image as a number; of an occluder 1 for any and 0 for "none"."""
    return np.array([_number(each, name) for each in facts])


def _number(facts: Mapping[str, float | str], name: str) -> float:
    value = facts.get(name, np.nan)
    return float(value != "none") if isinstance(value, str) else float(value)
