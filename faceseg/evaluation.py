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
    ratio,
    scores,
    worst_tenth,
)
from faceseg.predictor import Predictor, enlarge, softmax

Labels = NDArray[np.uint8]
Case = tuple[NDArray[np.uint8], Labels]


@dataclass(frozen=True)
class Evaluation:
    """What was counted on one split, as it is.

    `ids` (N,), `counts` (N, C, C), `boundary` (N, C, 2) intersection and union of each class's
    outline, `outline` (N, 2) its length in the prediction and in the truth, `calibration`
    (2, K, 3) over all pixels and over the foreground's.
    """

    ids: tuple[str, ...]
    counts: Counts
    boundary: Counts
    outline: Counts
    calibration: Fractions

    def scores(self, classes: ClassSet) -> dict[str, float]:
        """Return every score of the split, by the names the protocol gives them."""
        images = per_image_iou(self.counts, classes)
        everywhere, foreground = self.calibration
        found = scores(self.counts.sum(axis=0), classes)
        edges = boundary_iou(self.boundary.sum(axis=0))
        found["boundary_iou"] = float(mean_of_defined(edges[1:]))
        predicted, true = self.outline.sum(axis=0)
        found["outline_length"] = float(ratio(predicted, true))
        found["iou_per_image"] = float(mean_of_defined(images))
        found["iou_worst_tenth"] = worst_tenth(images)
        found["calibration_error"] = expected_calibration_error(everywhere)
        found["calibration_error_foreground"] = expected_calibration_error(foreground)
        for name, share in zip(classes.names, false_presence(self.counts), strict=True):
            found[f"false_presence/{name}"] = float(share)
        return found


def evaluate(predictor: Predictor, split: Split, batch_size: int = 16) -> Evaluation:
    """Score every image of a split that keeps its originals, on their own size."""
    classes = len(predictor.classes)
    matrices, edges, outlines = [], [], []
    bins: Fractions = np.zeros((2, BINS, 3))
    cases = (split.original(index) for index in range(len(split)))
    for truth, logits in own_size_logits(predictor, cases, batch_size):
        predicted = np.argmax(logits, axis=-1).astype(np.uint8)
        matrices.append(confusion(truth, predicted, classes))
        edges.append(boundary_counts(truth, predicted, classes, boundary_distance(*truth.shape)))
        outlines.append((outline_length(predicted), outline_length(truth)))
        bins += calibration_counts(softmax(logits), truth)
    return Evaluation(
        split.ids, np.stack(matrices), np.stack(edges), np.array(outlines, dtype=np.int64), bins
    )


def outline_length(labels: Labels) -> int:
    """Count the pairs of neighbouring pixels, side by side or one above the other, that differ."""
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    return int(np.count_nonzero(across)) + int(np.count_nonzero(down))


def own_size_logits(
    predictor: Predictor, cases: Iterable[Case], batch_size: int = 16
) -> Iterator[tuple[Labels, NDArray[np.float32]]]:
    """Yield truth (H, W) and logits (H, W, C) for pairs of image and truth, in their order."""
    waiting = iter(cases)
    while chunk := list(islice(waiting, batch_size)):
        batch = predictor.logits([image for image, _ in chunk])
        for (_, truth), logits in zip(chunk, batch, strict=True):
            yield truth, enlarge(logits, truth.shape)
