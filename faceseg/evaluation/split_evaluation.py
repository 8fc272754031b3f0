"""Counts of a predictor on images at their original size, one confusion matrix an image.

All later results (means, intervals, slices) are computed from these matrices, so they are kept.
Shapes: N images, C classes, K calibration bins.
"""

from dataclasses import dataclass

import numpy as np

from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.inference.predictor import Predictor, original_size_logits, softmax
from faceseg.metrics.boundary import (
    boundary_counts,
    boundary_distance,
    boundary_iou,
    outline_length,
)
from faceseg.metrics.calibration import BINS, calibration_counts, expected_calibration_error
from faceseg.metrics.confusion_matrix import (
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


@dataclass(frozen=True, kw_only=True)
class SplitEvaluation:
    """The counts on the unchanged images of one split.

    Attributes:
        ids: The names of the images, (N,).
        counts: Confusion matrices, (N, C, C).
        boundary: Intersection and union of each class's boundaries, (N, C, 2).
        outline: The outlines' length in the prediction and in the truth, in pixels, (N, 2).
        calibration: Counts over all pixels and over those of the foreground, (2, K, 3).
    """

    ids: tuple[str, ...]
    counts: Counts
    boundary: Counts
    outline: Counts
    calibration: Fractions

    def scores(self, classes: ClassSet) -> dict[str, float]:
        """Return all scores of the split by their names in the protocol."""
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


def evaluate_split(predictor: Predictor, split: Split, batch_size: int = 16) -> SplitEvaluation:
    """Count the predictions of every image of a split, at the images' own size.

    Args:
        predictor: The network.
        split: A split that keeps originals.
        batch_size: Images per call of the network.

    Returns:
        The counts of each image, from which every score can be computed.

    Raises:
        ValueError: The split keeps no originals.
    """
    classes = len(predictor.classes)
    matrices, edges, outlines = [], [], []
    bins: Fractions = np.zeros((2, BINS, 3))
    cases = (split.original(index) for index in range(len(split)))
    for truth, logits in original_size_logits(predictor, cases, batch_size):
        predicted = np.argmax(logits, axis=-1).astype(np.uint8)
        matrices.append(confusion(truth, predicted, classes))
        edges.append(boundary_counts(truth, predicted, classes, boundary_distance(*truth.shape)))
        outlines.append((outline_length(predicted), outline_length(truth)))
        bins += calibration_counts(softmax(logits), truth)
    return SplitEvaluation(
        ids=split.ids,
        counts=np.stack(matrices),
        boundary=np.stack(edges),
        outline=np.array(outlines, dtype=np.int64),
        calibration=bins,
    )
