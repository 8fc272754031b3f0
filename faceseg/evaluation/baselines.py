"""Predictors that ignore the image; robustness summaries compare networks with them."""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.evaluation.batched_logits import batched_logits
from faceseg.inference.predictor import Labels, Predictor, labels_from_logits
from faceseg.metrics.confusion_matrix import Fractions, class_iou, confusion

# A network whose foreground IoU exceeds the mean label map's by less than this counts as untrained:
# its rank, its share of IoU kept under occlusion and its promotion would mean nothing. It is a
# convention.
LEARNED_MARGIN = 0.05


class _ConstantNetwork:
    """A network that returns the same labels (h, w) for every image."""

    def __init__(self, labels: Labels, classes: int) -> None:
        self.input_shape = (None, *labels.shape, 3)
        self._logits = np.eye(classes, dtype=np.float32)[labels]

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.broadcast_to(self._logits, (len(images), *self._logits.shape))


def constant_background(grid: tuple[int, int], classes: ClassSet) -> Predictor:
    """Return the predictor that predicts background everywhere, on a grid of (h, w) pixels."""
    return Predictor(_ConstantNetwork(np.zeros(grid, np.uint8), len(classes)), classes)


def mean_label_map(labels: NDArray[np.uint8], classes: ClassSet) -> Predictor:
    """Return the predictor of each pixel's most frequent class.

    Args:
        labels: The labels of the training images, (N, h, w).
        classes: The classes; of equally frequent ones the lowest id is used.
    """
    found = np.stack([np.count_nonzero(labels == each, axis=0) for each in range(len(classes))])
    return Predictor(_ConstantNetwork(found.argmax(axis=0).astype(np.uint8), len(classes)), classes)


def clean_class_iou(predictor: Predictor, split: Split, limit: int) -> Fractions:
    """Return the IoU of each class on the first `limit` unchanged images of a split.

    For the mean label map their mean is the baseline of the robustness summaries.

    Args:
        predictor: The network.
        split: A split that keeps originals.
        limit: The number of images; all if the split has fewer.

    Returns:
        The IoU of each class, (C,), from one confusion matrix at the images' own size; NaN where a
        class occurs nowhere.
    """
    classes = predictor.classes
    total = np.zeros((len(classes), len(classes)), np.int64)
    cases = (split.original(index) for index in range(min(limit, len(split))))
    for truth, logits in batched_logits(predictor, cases, batch_size=16):
        total += confusion(truth, labels_from_logits(logits, truth.shape), len(classes))
    return class_iou(total)
