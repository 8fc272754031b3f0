"""Counts of a predictor on images at their original size, one confusion matrix an image.

All later results (means, intervals, slices) are computed from these matrices, so they are kept.
Shapes: N images, C classes, K calibration bins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.prefetch import prefetch_map
from faceseg.data.split import Split
from faceseg.evaluation.batched_logits import batched_logits
from faceseg.inference.predictor import (
    Labels,
    Predictor,
    argmax_labels,
    resized_blocks,
    softmax,
)
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
from faceseg.metrics.jawline import jawline_counts, mean_jawline_distance


@dataclass(frozen=True, kw_only=True)
class SplitEvaluation:
    """The counts on the unchanged images of one split.

    Attributes:
        ids: The names of the images, (N,).
        counts: Confusion matrices, (N, C, C).
        boundary: Intersection and union of each class's boundaries, (N, C, 2).
        outline: The outlines' length in the prediction and in the truth, in pixels, (N, 2).
        calibration: Counts over all pixels and over those of the foreground, (2, K, 3).
        jawline: The distance of the jawline in per cent of the face's width, and 1; zeros where
            the truth has no jawline, (N, 2). None for a class set without ears, and in files of
            earlier versions.
    """

    ids: tuple[str, ...]
    counts: Counts
    boundary: Counts
    outline: Counts
    calibration: Fractions
    jawline: Fractions | None = None

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
        if self.jawline is not None and self.jawline[:, 1].any():
            found["jawline_distance"] = mean_jawline_distance(self.jawline.sum(axis=0))
        for name, share in zip(classes.names, false_presence(self.counts), strict=True):
            found[f"false_presence/{name}"] = float(share)
        return found


def evaluate_split(
    predictor: Predictor, split: Split, batch_size: int = 16, *, threads: int = 2
) -> SplitEvaluation:
    """Count the predictions of every image of a split, at the images' own size.

    Args:
        predictor: The network.
        split: A split that keeps originals.
        batch_size: Images per call of the network.
        threads: The number of threads that count while the network predicts the next batch.

    Returns:
        The counts of each image, from which every score can be computed.

    Raises:
        ValueError: The split keeps no originals.
    """

    def count(case: tuple[Labels, NDArray[np.float32]]) -> _ImageCounts:
        return _count_image(*case, predictor.classes)

    cases = (split.original(index) for index in range(len(split)))
    predicted = batched_logits(predictor, cases, batch_size)
    counted = list(prefetch_map(count, predicted, threads, ahead=batch_size))
    return SplitEvaluation(
        ids=split.ids,
        counts=np.stack([each.counts for each in counted]),
        boundary=np.stack([each.boundary for each in counted]),
        outline=np.array([each.outline for each in counted], dtype=np.int64),
        calibration=sum((each.calibration for each in counted), start=np.zeros((2, BINS, 3))),
        jawline=np.stack([each.jawline for each in counted]) if predictor.classes.ears else None,
    )


@dataclass(frozen=True)
class _ImageCounts:
    """The counts of one image; see `SplitEvaluation`."""

    counts: Counts
    boundary: Counts
    outline: tuple[int, int]
    calibration: Fractions
    jawline: Fractions


def _count_image(truth: Labels, logits: NDArray[np.float32], classes: ClassSet) -> _ImageCounts:
    predicted = np.empty(truth.shape, np.uint8)
    bins: Fractions = np.zeros((2, BINS, 3))
    for rows, block in resized_blocks(logits, truth.shape):
        predicted[rows] = argmax_labels(block)
        bins += calibration_counts(softmax(block), truth[rows])
    return _ImageCounts(
        counts=confusion(truth, predicted, len(classes)),
        boundary=boundary_counts(truth, predicted, len(classes), boundary_distance(*truth.shape)),
        outline=(outline_length(predicted), outline_length(truth)),
        calibration=bins,
        jawline=jawline_counts(truth, predicted, classes) if classes.ears else np.zeros(2),
    )
