"""The ranking of label maps by how likely they are wrong, each with the most likely reason.

The score of an image is the largest of four measures in [0, 1], each 0 for labels that agree as
well as those of most images:

- the gain in the IoU of left and right parts if the labels' sides are exchanged;
- the gain in IoU if the labels are shifted;
- the size of a part that the labels lack (`missing_parts`), times the network's precision for its
  class and n / (n + 4) for n pixels, less the median over all images;
- the confident disagreement: the share of a label's confident pixels that confident learning puts
  into another class, as a mean over the labels of the image, less the median over all images.

Shapes: N images, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.evaluation.label_evidence import Evidence, pair_iou, swap_sides
from faceseg.metrics.confusion_matrix import (
    Fractions,
    class_precision,
    mean_of_defined,
    per_image_iou,
    ratio,
)

SWAPPED, SHIFTED, MISSING = "sides exchanged", "shifted", "part missing"
OTHER, DIFFERS = "labels of another image", "differs"
REASONS = {
    SWAPPED: "left and right parts agree after their labels are exchanged",
    SHIFTED: "the labels agree after they are moved",
    MISSING: "the network finds a part that has no label",
    OTHER: "labels and prediction hardly overlap",
    DIFFERS: "a class has other borders, or another class is there",
}
MIN_GAIN = 0.1  # IoU; a smaller gain is no reason
EXPLAINED = 0.75  # of the usual IoU, which a correction must reach to be the reason
HALF_SIZE = 4  # pixels: a part of this size counts half, because borders are uncertain by a pixel
# Of the usual values: labels below both are called those of another image. The IoU alone is low
# too where small parts are hidden, the agreement of pixels where a large one is missing.
UNRELATED_IOU, UNRELATED_PIXELS = 0.5, 0.75


@dataclass(frozen=True, kw_only=True)
class EvidenceTable:
    """The evidence against N label maps: the fields of `Evidence`, each with the first axis N."""

    quality: NDArray[np.float64]
    joint: NDArray[np.int64]
    counts: NDArray[np.int64]
    shift: NDArray[np.int64]
    iou: NDArray[np.float64]
    shifted_iou: NDArray[np.float64]
    missing: NDArray[np.float64]
    missing_pixels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.quality)

    @classmethod
    def of(cls, found: Sequence[Evidence]) -> Self:
        """Return the table of the evidence against each image."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.array([getattr(each, name) for each in found]) for name in names})

    @classmethod
    def joined(cls, tables: Sequence[Self]) -> Self:
        """Return the rows of all tables, one table after the other."""
        return cls.from_arrays(
            {
                field.name: np.concatenate([getattr(each, field.name) for each in tables])
                for field in fields(cls)
            }
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the table of arrays by name; KeyError if one is missing."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def take(self, order: NDArray[np.intp]) -> Self:
        """Return the rows at these indices, in their order."""
        return self.from_arrays({name: array[order] for name, array in self.arrays().items()})


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """The suspicion against one label map.

    Attributes:
        index: The index of the image.
        score: From 0, as usual, to 1.
        reason: One of `REASONS`.
        details: One or two sentences with figures.
    """

    index: int
    score: float
    reason: str
    details: str


def rank_labels(
    evidence: EvidenceTable, classes: ClassSet, size: tuple[int, int]
) -> list[Suspicion]:
    """Rank label maps by how likely they are wrong.

    Args:
        evidence: The evidence against all N, of networks that were not trained on them.
        classes: The C classes.
        size: Height and width of the label maps in pixels.

    Returns:
        All N, the most suspicious first; of equal ones, the one with the lower quality.
    """
    measures = _Measures(evidence, classes, size)
    order = np.lexsort((evidence.quality, -measures.scores))
    return [measures.suspicion(int(index)) for index in order]


def confident_disagreement(joint: NDArray[np.int64]) -> Fractions:
    """Return the share of confident pixels in another class: (N, C, C) -> (N,).

    It is the mean over the labels of the image; 0 for an image without confident pixels.
    """
    return np.nan_to_num(mean_of_defined(_moved(joint)))


def _moved(joint: NDArray[np.int64]) -> Fractions:
    """Return the share of each label's confident pixels that are of another class, (..., C)."""
    totals = joint.sum(axis=-1)
    return ratio(totals - np.diagonal(joint, axis1=-2, axis2=-1), totals)


def _pixel_agreement(counts: NDArray[np.int64]) -> Fractions:
    """Return the share of equal pixels among those that either map gives a part: (N,).

    It is 1 for an image without any.
    """
    hits = np.trace(counts[:, 1:, 1:], axis1=1, axis2=2)
    shares = ratio(hits, counts.sum(axis=(1, 2)) - counts[:, 0, 0])
    return np.nan_to_num(shares, nan=1.0)


class _Measures:
    """The measures of all images, each (N,)."""

    def __init__(self, evidence: EvidenceTable, classes: ClassSet, size: tuple[int, int]) -> None:
        self._evidence, self._classes, self._size = evidence, classes, size
        counts = evidence.counts
        self._sides = np.array([pair_iou(each, classes) for each in counts])
        self._swapped_sides = np.array(
            [pair_iou(swap_sides(each, classes), classes) for each in counts]
        )
        self.swap = np.nan_to_num(self._swapped_sides - self._sides)
        self.shift = evidence.shifted_iou - evidence.iou
        precision = np.nan_to_num(class_precision(counts.sum(axis=0)))
        pixels = evidence.missing_pixels
        self._parts = evidence.missing * precision * pixels / (pixels + HALF_SIZE)
        missing = self._parts.max(axis=1)
        disagreement = confident_disagreement(evidence.joint)
        self.missing = missing - np.median(missing)
        self.disagreement = disagreement - np.median(disagreement)
        self._labelled_iou = per_image_iou(counts, classes)
        self._agreement = _pixel_agreement(counts)
        self._usual_iou = float(np.median(evidence.iou))
        defined = self._sides[np.isfinite(self._sides)]
        self._usual_sides = float(np.median(defined)) if len(defined) else 0.0
        every = (self.swap, self.shift, self.missing, self.disagreement)
        self.scores = np.clip(np.max(every, axis=0), 0.0, 1.0)

    def suspicion(self, index: int) -> Suspicion:
        """Return the suspicion against one image."""
        reason, details = self._reason(index)
        return Suspicion(
            index=index, score=float(self.scores[index]), reason=reason, details=details
        )

    def _reason(self, index: int) -> tuple[str, str]:
        evidence = self._evidence
        iou, shifted = evidence.iou[index], evidence.shifted_iou[index]
        sides, exchanged = self._sides[index], self._swapped_sides[index]
        if self.swap[index] >= MIN_GAIN and exchanged >= EXPLAINED * self._usual_sides:
            return (
                SWAPPED,
                f"IoU of left and right parts {sides:.2f}, after exchange {exchanged:.2f}.",
            )
        if self.shift[index] >= MIN_GAIN and shifted >= EXPLAINED * self._usual_iou:
            return (
                SHIFTED,
                f"IoU {iou:.2f}, after moving the labels {self._move(index)} {shifted:.2f}.",
            )
        if self._is_unrelated(index):
            return OTHER, f"IoU {iou:.2f}; the median of all images is {self._usual_iou:.2f}."
        if self.missing[index] > max(self.disagreement[index], 0.0):
            return MISSING, self._missing_part(index)
        return DIFFERS, self._difference(index)

    def _is_unrelated(self, index: int) -> bool:
        iou, agreement = self._labelled_iou[index], self._agreement[index]
        usual = float(np.median(self._agreement))
        return bool(
            iou <= UNRELATED_IOU * self._usual_iou and agreement <= UNRELATED_PIXELS * usual
        )

    def _move(self, index: int) -> str:
        """Return a shift in words, in percent of the height and of the width."""
        down, right = (100 * self._evidence.shift[index] / self._size).tolist()
        parts = [
            f"{abs(each):.0f} % {forward if each > 0 else back}"
            for each, forward, back in ((down, "down", "up"), (right, "right", "left"))
            if each
        ]
        return " and ".join(parts)

    def _missing_part(self, index: int) -> str:
        part = int(self._parts[index].argmax())
        labelled = int(self._evidence.counts[index][part].sum())
        found = int(self._evidence.missing_pixels[index][part])
        return f"{self._name(part)}: {found} pixels found, {labelled} labelled."

    def _difference(self, index: int) -> str:
        joint = self._evidence.joint[index]
        moved = np.nan_to_num(_moved(joint))
        label = int(moved.argmax())
        if not moved[label]:
            return f"IoU {self._evidence.iou[index]:.2f}."
        elsewhere = joint[label].copy()
        elsewhere[label] = 0
        return (
            f"{self._name(label)}: {100 * moved[label]:.0f} % of its confident pixels are in "
            f"another class, most in {self._name(int(elsewhere.argmax()))}."
        )

    def _name(self, index: int) -> str:
        return self._classes.names[index].replace("_", " ")
