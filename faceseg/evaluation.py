"""Scores of a predictor on images at their own size, one confusion matrix an image.

Every later number (means, intervals, slices) comes from these matrices, so they are kept.
Shapes: N images, C classes, K calibration bins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from faceseg.boundary import boundary_counts, boundary_distance, boundary_iou
from faceseg.calibration import BINS, calibration_counts, expected_calibration_error
from faceseg.classes import ClassSet
from faceseg.data.split import Split
from faceseg.metrics import (
    Counts,
    Fractions,
    confusion,
    false_presence,
    mean_of_defined,
    per_image_iou,
    scores,
    worst_tenth,
)
from faceseg.predictor import Predictor, enlarge, softmax

Labels = NDArray[np.uint8]
Case = tuple[NDArray[np.uint8], Labels]


@dataclass(frozen=True)
class Evaluation:
    """The records of one split.

    `ids` (N,), `counts` (N, C, C), `boundary` (C, 2), `calibration` (2, K, 3).
    """

    ids: tuple[str, ...]
    counts: Counts
    boundary: Counts
    calibration: Fractions

    def scores(self, classes: ClassSet) -> dict[str, float]:
        """Return every score of the split, by the names the protocol gives them."""
        images = per_image_iou(self.counts, classes)
        everywhere, foreground = self.calibration
        found = scores(self.counts.sum(axis=0), classes)
        found["boundary_iou"] = float(mean_of_defined(boundary_iou(self.boundary)[1:]))
        found["iou_per_image"] = float(mean_of_defined(images))
        found["iou_worst_tenth"] = worst_tenth(images)
        found["calibration_error"] = expected_calibration_error(everywhere)
        found["calibration_error_foreground"] = expected_calibration_error(foreground)
        for name, share in zip(classes.names, false_presence(self.counts), strict=True):
            found[f"false_presence/{name}"] = float(share)
        return found


def evaluate(predictor: Predictor, split: Split, batch_size: int = 8) -> Evaluation:
    """Score every image of a split that keeps its originals, on their own size."""
    classes = len(predictor.classes)
    matrices = []
    edges: Counts = np.zeros((classes, 2), dtype=np.int64)
    bins: Fractions = np.zeros((2, BINS, 3))
    cases = (split.original(index) for index in range(len(split)))
    for truth, logits in own_size_logits(predictor, cases, batch_size):
        predicted = np.argmax(logits, axis=-1).astype(np.uint8)
        matrices.append(confusion(truth, predicted, classes))
        edges += boundary_counts(truth, predicted, classes, boundary_distance(*truth.shape))
        bins += calibration_counts(softmax(logits), truth)
    return Evaluation(split.ids, np.stack(matrices), edges, bins)


def own_size_logits(
    predictor: Predictor, cases: Iterable[Case], batch_size: int = 8
) -> Iterator[tuple[Labels, NDArray[np.float32]]]:
    """Yield truth (H, W) and logits (H, W, C) for pairs of image and truth, in their order."""
    waiting = iter(cases)
    while chunk := list(islice(waiting, batch_size)):
        batch = predictor.logits([image for image, _ in chunk])
        for (_, truth), logits in zip(chunk, batch, strict=True):
            yield truth, enlarge(logits, truth.shape)
