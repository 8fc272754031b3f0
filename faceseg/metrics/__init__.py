"""Scores of label maps as functions of counted pixels: confusion matrix, boundaries, calibration.

Networks, the Keras metric of a training step and the uncertainty of scores are in other packages.

Example:
    >>> counts = faceseg.metrics.confusion(true_labels, predicted_labels, num_classes=11)
    >>> faceseg.metrics.class_iou(counts)
"""

from faceseg.metrics.confusion_matrix import (
    Counts,
    Fractions,
    Labels,
    class_dice,
    class_iou,
    class_precision,
    class_recall,
    confusion,
    confusion_per_image,
    false_presence,
    frequency_weighted_iou,
    mean_of_defined,
    per_image_iou,
    pixel_accuracy,
    ratio,
    scores,
    worst_tenth,
)

__all__ = [
    "Counts",
    "Fractions",
    "Labels",
    "class_dice",
    "class_iou",
    "class_precision",
    "class_recall",
    "confusion",
    "confusion_per_image",
    "false_presence",
    "frequency_weighted_iou",
    "mean_of_defined",
    "per_image_iou",
    "pixel_accuracy",
    "ratio",
    "scores",
    "worst_tenth",
]
