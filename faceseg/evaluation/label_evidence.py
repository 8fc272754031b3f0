"""Evidence that a label map is wrong, from the prediction of a network not trained on it.

Two measures cover errors of every kind: the self-confidence of the labels, which is the network's
probability of the given class, combined over an image by a soft minimum (Lad and Mueller 2023,
arXiv:2307.05080), and the confident joint of confident learning (Northcutt et al. 2021,
arXiv:1911.00068, section 3.1), which counts, by pairs of classes, the pixels that the network puts
into a class as confidently as the pixels with that label. Three others try a correction (exchange
left and right, shift the map, add a part) and measure by how much it improves the agreement.

Shapes: N images, H rows, W columns, C classes. Scores are fractions in [0, 1].
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet
from faceseg.evaluation.label_shift import best_shift, shift_labels
from faceseg.metrics.confusion_matrix import Counts, class_iou, confusion, mean_of_defined

Labels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

EVIDENCE_VERSION = 1  # increase it whenever the evidence of older code must no longer be used
SOFTMIN_TEMPERATURE = 0.1  # of Lad and Mueller
UNLABELLED = 0.1  # a region with a smaller share of pixels of a class counts as unlabelled


@dataclass(frozen=True)
class Reference:
    """What the correct labels of most images look like to a network.

    Attributes:
        thresholds: The mean probability of each class at the pixels with its label, (C,); 1 for
            a class that occurs nowhere.
        areas: The median number of pixels of each class where it occurs, (C,); NaN for a class
            that occurs nowhere.
    """

    thresholds: NDArray[np.float64]
    areas: NDArray[np.float64]


class ReferenceCounter:
    """Computes a `Reference` image by image.

    Args:
        classes: The class set.
    """

    def __init__(self, classes: ClassSet) -> None:
        self._sums = np.zeros(len(classes))
        self._counts = np.zeros(len(classes), dtype=np.int64)
        self._areas: list[NDArray[np.int64]] = []

    def add(self, labels: Labels, probabilities: Probabilities) -> None:
        """Count an image with labels (H, W) and probabilities (H, W, C)."""
        labelled = labels != IGNORE
        given = labels[labelled]
        size = len(self._sums)
        self._sums += np.bincount(given, self_confidence(labels, probabilities), size)
        areas = np.bincount(given, minlength=size)
        self._counts += areas
        self._areas.append(areas)

    def reference(self) -> Reference:
        """Return the reference of all images so far."""
        areas = np.array(self._areas, dtype=np.float64)
        present = areas.sum(axis=0) > 0
        medians = np.full(len(self._sums), np.nan)
        areas[areas == 0] = np.nan
        medians[present] = np.nanmedian(areas[:, present], axis=0)
        thresholds = np.divide(self._sums, self._counts, out=np.ones_like(medians), where=present)
        return Reference(thresholds, medians)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evidence against one label map.

    Attributes:
        quality: The soft minimum of the self-confidence; 1 is perfect agreement.
        joint: The confident joint: rows the labels, columns the network, (C, C).
        counts: The confusion matrix, labels in the rows, (C, C).
        shift: The displacement (down, right) in pixels of the labels at which they agree best.
        iou: The mean IoU of labels and prediction over the foreground classes of either.
        shifted_iou: The same after the labels are shifted.
        missing: The size of the part of each class that the labels lack, as `missing_parts`, (C,).
        missing_pixels: Its size in pixels, (C,).
    """

    quality: float
    joint: Counts
    counts: Counts
    shift: tuple[int, int]
    iou: float
    shifted_iou: float
    missing: NDArray[np.float64]
    missing_pixels: NDArray[np.int64]


def gather_evidence(
    labels: Labels, probabilities: Probabilities, reference: Reference, classes: ClassSet
) -> Evidence:
    """Return the evidence against labels (H, W), given probabilities (H, W, C)."""
    predicted = np.argmax(probabilities, axis=2).astype(np.uint8)
    counts = confusion(labels, predicted, len(classes))
    shift = best_shift(labels, predicted, classes)
    shifted = confusion(shift_labels(labels, shift), predicted, len(classes))
    missing, pixels = missing_parts(labels, predicted, probabilities, reference)
    return Evidence(
        quality=label_quality(labels, probabilities),
        joint=confident_joint(labels, probabilities, reference.thresholds),
        counts=counts,
        shift=shift,
        iou=foreground_iou(counts),
        shifted_iou=foreground_iou(shifted),
        missing=missing,
        missing_pixels=pixels,
    )


def self_confidence(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return the probability of the given class at each pixel that is not ignored, (P,)."""
    labelled = labels != IGNORE
    rows = probabilities[labelled]
    return np.asarray(rows[np.arange(len(rows)), labels[labelled]], dtype=np.float64)


def label_quality(labels: Labels, probabilities: Probabilities) -> float:
    """Return the soft minimum of the self-confidence; 1 if all pixels are ignored.

    Lad and Mueller 2023, equation 2: the mean of the pixels' self-confidence s, weighted by
    softmax((1 - s) / 0.1).
    """
    scores = self_confidence(labels, probabilities)
    if not len(scores):
        return 1.0
    weights = np.exp((scores.min() - scores) / SOFTMIN_TEMPERATURE)
    return float((scores * weights).sum() / weights.sum())


def confident_joint(
    labels: Labels, probabilities: Probabilities, thresholds: NDArray[np.float64]
) -> Counts:
    """Return the pixels of each label (rows) that are confidently of each class (columns), (C, C).

    A pixel counts for the most probable of the classes whose probability reaches the threshold,
    and nowhere if none does.
    """
    labelled = labels != IGNORE
    rows = probabilities[labelled]
    passing = np.where(rows >= thresholds, rows, -1.0)
    best = passing.argmax(axis=1)
    confident = passing.max(axis=1) >= 0
    return confusion(labels[labelled][confident], best[confident], len(thresholds))


def foreground_iou(counts: Counts) -> float:
    """Return the mean IoU over the foreground classes that either map contains; 1 without any."""
    mean = float(mean_of_defined(class_iou(counts)[1:]))
    return 1.0 if np.isnan(mean) else mean


def swap_sides(counts: Counts, classes: ClassSet) -> Counts:
    """Return a confusion matrix as if left and right were exchanged in the labels, (C, C)."""
    return counts[classes.flip_table[: len(classes)]]


def pair_iou(counts: Counts, classes: ClassSet) -> float:
    """Return the mean IoU over the classes that have sides; NaN without any."""
    paired = [each for pair in classes.pairs for each in pair]
    return float(mean_of_defined(class_iou(counts)[paired])) if paired else float("nan")


def missing_parts(
    labels: Labels, predicted: Labels, probabilities: Probabilities, reference: Reference
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Measure, for each class, the largest predicted part that the labels lack.

    A part is a connected region of a predicted foreground class. The labels lack it if less than a
    tenth of it has that label and the image has fewer pixels of the class than usual.

    Returns:
        The size of the part relative to the usual size of the class, at most what the labels have
        too little of it, times the mean excess of the class's probability over the label's: (C,),
        0 without such a part. And its number of pixels, (C,).
    """
    sizes = np.zeros(len(reference.areas))
    pixels = np.zeros(len(reference.areas), dtype=np.int64)
    gap = probabilities.max(axis=2) - _given(labels, probabilities)
    gap[labels == IGNORE] = 0.0
    for each in np.unique(predicted[predicted > 0]).tolist():
        usual, labelled = reference.areas[each], labels == each
        if np.isnan(usual) or labelled.sum() >= usual:
            continue
        count, regions = cv2.connectedComponents((predicted == each).astype(np.uint8))
        places = regions.ravel()
        areas = np.bincount(places, minlength=count)
        excess = np.bincount(places, gap.ravel(), count)
        excess[np.bincount(places, labelled.ravel(), count) >= UNLABELLED * areas] = 0.0
        excess[0] = 0.0  # component 0 is the outside of the class
        largest = int(excess.argmax())
        if excess[largest] > 0:
            area = int(areas[largest])
            lacking = min(area, usual - labelled.sum()) / usual
            sizes[each], pixels[each] = lacking * excess[largest] / area, area
    return sizes, pixels


def _given(labels: Labels, probabilities: Probabilities) -> Probabilities:
    """Return the probability of the given class at each pixel, (H, W); 0 at ignored ones."""
    index = np.where(labels == IGNORE, 0, labels)[..., None].astype(np.intp)
    given = np.take_along_axis(probabilities, index, axis=2)[..., 0]
    return np.where(labels == IGNORE, np.float32(0), given)
