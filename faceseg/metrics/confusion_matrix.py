"""Scores of label maps, all read off one confusion matrix.

Pixels are counted over the whole split and divided once, so a score does not
change with the batch size or the order of the images. Matrices of parts of a split
(images, batches, workers) are summed to get the matrix of the whole.

Shapes: N images, H rows, W columns, C classes. Every matrix is int64, its rows the
truth, its columns the prediction; class 0 is the background, all others foreground.
Scores are fractions in [0, 1]. A ratio of nothing to nothing (a class that occurs
nowhere) is NaN and left out of every mean; a mean of nothing is NaN.
Source: Long et al. 2015 (mean IU, frequency-weighted IU), Everingham et al. 2010 (IoU).
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet

Counts = NDArray[np.int64]
Fractions = NDArray[np.float64]
Labels = NDArray[np.integer]

MIN_PRESENT_PIXELS = 16  # fewer predicted pixels than this do not count as a false presence


def confusion(true: Labels, pred: Labels, num_classes: int) -> Counts:
    """Count the pixels of each (truth, prediction) pair, shape (C, C).

    `true` and `pred` hold ids 0 to C-1 and have one shape, any. Pixels whose truth is
    255 are left out, whatever is predicted there. Raises ValueError for two shapes or
    for any other id.
    """
    codes = _pair_codes(true, pred, num_classes)
    counts = np.bincount(codes.ravel(), minlength=num_classes**2 + 1)[:-1]
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def confusion_per_image(true: Labels, pred: Labels, num_classes: int) -> Counts:
    """Count each image of (N, H, W) by itself, shape (N, C, C); otherwise as `confusion`."""
    images, cells = len(true), num_classes**2 + 1
    codes = _pair_codes(true, pred, num_classes).reshape(images, -1)
    codes = codes + cells * np.arange(images)[:, None]
    counts = np.bincount(codes.ravel(), minlength=images * cells)
    per_image = counts.reshape(images, cells)[:, :-1]
    return per_image.reshape(images, num_classes, num_classes).astype(np.int64)


def class_iou(counts: Counts) -> Fractions:
    """IoU of each class, TP/(TP+FP+FN): (..., C, C) -> (..., C)."""
    hit, predicted, actual = _totals(counts)
    return ratio(hit, predicted + actual - hit)


def class_dice(counts: Counts) -> Fractions:
    """Dice (F1) of each class, 2TP/(2TP+FP+FN): (..., C, C) -> (..., C)."""
    hit, predicted, actual = _totals(counts)
    return ratio(2 * hit, predicted + actual)


def class_precision(counts: Counts) -> Fractions:
    """Precision of each class, TP/(TP+FP): (..., C, C) -> (..., C); NaN if never predicted."""
    hit, predicted, _ = _totals(counts)
    return ratio(hit, predicted)


def class_recall(counts: Counts) -> Fractions:
    """Recall of each class, TP/(TP+FN): (..., C, C) -> (..., C); NaN if not in the truth."""
    hit, _, actual = _totals(counts)
    return ratio(hit, actual)


def scores(counts: Counts, classes: ClassSet) -> dict[str, float]:
    """Read every score off a matrix (C, C), under the names that go to the tracker.

    `iou`, `dice`, `precision`, `recall` are means over the foreground classes, and
    `iou/<class>` and the like the classes' own. `classes_averaged` says how many of the
    foreground classes have an IoU and so stand in `iou`.
    Raises ValueError if the matrix is not of this class set's size.
    """
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"counts of shape {counts.shape} for a set of {len(classes)} classes")
    by_class = {
        "iou": class_iou(counts),
        "dice": class_dice(counts),
        "precision": class_precision(counts),
        "recall": class_recall(counts),
    }
    iou = by_class["iou"]
    found = {name: float(mean_of_defined(ratios[1:])) for name, ratios in by_class.items()}
    found["iou_with_background"] = float(mean_of_defined(iou))
    found["iou_small"] = float(mean_of_defined(iou[list(classes.small)]))
    found["pixel_accuracy"] = pixel_accuracy(counts)
    found["frequency_weighted_iou"] = frequency_weighted_iou(counts)
    found["classes_averaged"] = float(np.isfinite(iou[1:]).sum())
    for name, ratios in by_class.items():
        for label, value in zip(classes.names, ratios, strict=True):
            found[f"{name}/{label}"] = float(value)
    return found


def pixel_accuracy(counts: Counts) -> float:
    """Share of the pixels that are predicted right; NaN for an empty matrix."""
    return float(ratio(np.trace(counts), counts.sum()))


def frequency_weighted_iou(counts: Counts) -> float:
    """Mean IoU, each class weighted by its pixels in the truth; NaN for an empty matrix."""
    pixels = counts.sum(axis=1)
    weighted = np.where(pixels > 0, class_iou(counts), 0.0) * pixels
    return float(ratio(weighted.sum(), pixels.sum()))


def per_image_iou(counts: Counts, classes: ClassSet) -> Fractions:
    """IoU of each image, (N, C, C) -> (N,).

    The mean is over the foreground classes present in the image's truth; NaN for an
    image whose truth is all background.
    """
    if counts.shape[1:] != (len(classes), len(classes)):
        raise ValueError(f"counts of shape {counts.shape} for a set of {len(classes)} classes")
    present = counts.sum(axis=2) > 0
    return mean_of_defined(np.where(present, class_iou(counts), np.nan)[:, 1:])


def worst_tenth(per_image: Fractions) -> float:
    """Mean of the lowest tenth (rounded up) of the scores (N,), NaN ones left out."""
    defined = np.sort(per_image[np.isfinite(per_image)])
    return float(mean_of_defined(defined[: -(-len(defined) // 10)]))


def false_presence(counts: Counts) -> Fractions:
    """Share of the images without a class that are given one, (N, C, C) -> (C,).

    An image is given a class where at least 16 of its pixels are predicted so. NaN for
    a class that every image has.
    """
    absent = counts.sum(axis=2) == 0
    given = counts.sum(axis=1) >= MIN_PRESENT_PIXELS
    return ratio((absent & given).sum(axis=0), absent.sum(axis=0))


def mean_of_defined(values: Fractions) -> Fractions:
    """Mean over the last axis of the values that are not NaN; NaN where there is none."""
    defined = np.isfinite(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _pair_codes(true: Labels, pred: Labels, num_classes: int) -> NDArray[np.int64]:
    """Code each pixel as truth * C + prediction, or C * C where it is ignored."""
    if true.shape != pred.shape:
        raise ValueError(f"truth has shape {true.shape}, prediction {pred.shape}: must be one")
    ignored = true == IGNORE
    strange = (true < 0) | ((true >= num_classes) & ~ignored)
    strange |= ((pred < 0) | (pred >= num_classes)) & ~ignored
    if strange.any():
        ids = np.unique(np.concatenate([true[strange], pred[strange]])).tolist()
        raise ValueError(
            f"ids {ids} meet where truth or prediction is outside 0 to {num_classes - 1}"
            f" (truth may be {IGNORE} too)"
        )
    codes = true.astype(np.int64) * num_classes + pred
    codes[ignored] = num_classes**2
    return codes


def _totals(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """Return hits, predicted pixels and true pixels of each class, each (..., C)."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    return hit, counts.sum(axis=-2), counts.sum(axis=-1)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Fractions:
    """Divide in float64, NaN where the whole is 0."""
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    missing = np.full(np.broadcast_shapes(parts.shape, wholes.shape), np.nan)
    ratios: Fractions = np.divide(parts, wholes, out=missing, where=wholes > 0)
    return ratios
