"""Slices: the images of a split that share a fact, and how a network does on each of them.

A mean hides whom a network fails. The facts of an image come from its source (pose, skin tone,
occluder: `Item.facts`) and from its pixels and true labels, measured here:

- `face_share`: pixels of the face (without hair) as a share of the image's.
- `lightness`: CIE 1976 L* of sRGB, 0 black to 100 white, averaged over the face. Perceptual, since
  in linear light a few highlights outweigh a face in shadow. Light and skin both make it.
  (OpenCV's, at most 0.2 off, measured.)
- `roll_degrees`: slope of the line between the middles of the eyes; positive is clockwise.

A fact may be missing: no eyes are seen, a file of landmarks is wrong. Such an image is in no slice
of that fact. The names of facts are listed at `Item.facts`.

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
Values = NDArray[np.float64]  # of one fact, (N,); NaN where it is not known
Parts = dict[str, Callable[[Values], Mask]]

ALL = "all images"
MIN_IMAGES = 10  # images: a smaller slice says more of its images than of the network
TURNED_DEGREES, TILTED_DEGREES = 20.0, 15.0  # degrees


@dataclass(frozen=True)
class Slice:
    """Some of the images: `members` (N,) says which, `group` by what, `part` which ones."""

    group: str
    part: str
    members: Mask

    @property
    def name(self) -> str:
        """Such as 'face size: smallest third'."""
        return f"{self.group}: {self.part}"


@dataclass(frozen=True)
class Slices:
    """The slices of a split, and for each one left out a sentence that says why."""

    kept: tuple[Slice, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class SliceScore:
    """How a network does on a slice: mean foreground IoU (see `metrics.scores`) of its pixels.

    `classes` are the foreground classes that stand in the mean; the mean of seeds, if several.
    """

    name: str
    images: int
    iou: float
    classes: float


def image_facts(split: Split, classes: ClassSet) -> tuple[Facts, ...]:
    """Return all that is known of each image of a split that keeps originals, N mappings."""
    return tuple(
        {**known, **measure_facts(*split.original(index), classes)}
        for index, known in enumerate(split.facts)
    )


def measure_facts(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassSet
) -> dict[str, float]:
    """Return the facts that image (H, W, 3) and true labels (H, W) show."""
    face = np.isin(labels, classes.face)
    found = {"face_share": float(face.mean())}
    if face.any():
        pixels = image[face][None].astype(np.float32) / 255
        found["lightness"] = float(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., 0].mean())
    eyes = next((pair for pair in classes.pairs if set(pair) <= set(classes.eyes)), ())
    places = [np.argwhere(labels == each) for each in eyes]
    if places and all(map(len, places)):
        left, right = (pixels.mean(axis=0) for pixels in places)
        down, across = right - left
        found["roll_degrees"] = float(np.degrees(np.arctan2(down, across)))
    return found


def slice_images(facts: Sequence[Facts], fewest: int = MIN_IMAGES) -> Slices:
    """Slice images by their facts; what holds fewer than `fewest`, or all of them, is left out.

    Thirds are of the images given, so their bounds move with the data set; those of angles
    are fixed.
    """
    kept, left_out = [], []
    for group, fact, parts in _groups():
        values = _fact_values(facts, fact)
        if not np.isfinite(values).any():
            left_out.append(f"{group}: not known of any image")
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
    """Score all images, then each slice, from counts (N, C, C), or (S, N, C, C) of some seeds.

    Raises ValueError if the slices are of another number of images.
    """
    everything = np.ones(counts.shape[-3], dtype=bool)
    if strange := [each.name for each in found if each.members.shape != everything.shape]:
        raise ValueError(f"counts of {len(everything)} images, and slices of others: {strange}")
    named = [(ALL, everything), *((each.name, each.members) for each in found)]
    return tuple(_score(name, members, counts) for name, members in named)


def worst_slice(rows: Sequence[SliceScore]) -> SliceScore | None:
    """Return the slice of the lowest IoU, the first of equals; None if there is no slice."""
    told = [row for row in rows if row.name != ALL and np.isfinite(row.iou)]
    return min(told, key=lambda row: row.iou, default=None)


def _score(name: str, members: Mask, counts: Counts) -> SliceScore:
    iou = class_iou(counts[..., members, :, :].sum(axis=-3))[..., 1:]
    classes = np.isfinite(iou).sum(axis=-1)
    return SliceScore(
        name, int(members.sum()), float(np.mean(mean_of_defined(iou))), float(np.mean(classes))
    )


def _groups() -> Iterator[tuple[str, str, Parts]]:
    """Yield each group's name, the fact that it goes by, and its parts."""
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
            place = (values > lower).astype(int) + (values > upper)
            third: Mask = place == number
            return third

        return rule

    return {f"{name} third": part(number) for number, name in enumerate(names)}


def _angles(limit: float) -> Parts:
    return {
        f"at most {limit:g} degrees": lambda values: np.abs(values) <= limit,
        f"more than {limit:g} degrees": lambda values: np.abs(values) > limit,
    }


def _fact_values(facts: Sequence[Facts], name: str) -> Values:
    """Return one fact of each image as a number; an occluder is 1, "none" is 0."""
    return np.array([_number(each, name) for each in facts])


def _number(facts: Mapping[str, float | str], name: str) -> float:
    value = facts.get(name, np.nan)
    return float(value != "none") if isinstance(value, str) else float(value)
