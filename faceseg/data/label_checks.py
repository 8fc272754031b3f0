"""Checks of a data set's labels as a whole: whether scores on them can mean anything.

Labels stop the packing if no score would mean anything: a split without foreground has nothing to
learn or to score, almost nothing is left if almost everything is ignored, and a class set of which
most classes occur nowhere is not that of these labels. A single class that is missing only causes
a warning, because the scores of the others are right: a small data set may contain no open mouth
and no hat, and its labels cannot be renumbered easily.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet

Counts = NDArray[np.int64]  # pixels of each id in the labels of a split, (256,)
# Sparse labels (points, strokes) ignore most pixels too, but leave more than this.
MAX_IGNORED = 0.99
_MAX_NAMES_SHOWN = 12
_MASKS = (
    f"are these masks of 0 and 255? {IGNORE} marks ignored pixels; write 1 for the foreground of a "
    "class set of two classes"
)


def count_ids(labels: NDArray[np.uint8]) -> Counts:
    """Return the number of pixels of each id in labels (H, W): (256,)."""
    return np.bincount(labels.ravel(), minlength=256)


def is_two_valued_mask(counts: Counts) -> bool:
    """Return whether labels contain the ids 0 and 255 and no other."""
    return np.flatnonzero(counts).tolist() == [0, IGNORE]


def meaningless_labels(
    original: Mapping[str, Counts], packed: Mapping[str, Counts], classes: ClassSet
) -> str | None:
    """Return why no score on these labels would mean anything; None if scores would.

    Args:
        original: For each split, the pixels of each id in the labels at their own size.
        packed: For each split, the pixels of each class in the resized labels.
        classes: The class set.
    """
    for split, counts in original.items():
        ignored = counts[IGNORE] / max(int(counts.sum()), 1)
        if ignored >= MAX_IGNORED:
            looks = _MASKS if is_two_valued_mask(counts) else "what should be trained and scored?"
            return (
                f"{ignored:.1%} of the pixels of {split} have the id {IGNORE}, which is ignored in "
                f"training and in scores: {looks}"
            )
        if not packed[split][1:].any():
            return f"no label of {split} contains a foreground class: {_appearance(counts)}"
    present = sum(original.values(), np.zeros(256, dtype=np.int64))
    absent = _absent(present, classes, first=1)
    if 2 * len(absent) > len(classes) - 1:
        ids = ", ".join(str(each) for each in np.flatnonzero(present[: len(classes)]))
        return (
            f"the labels contain only the ids {ids} of {len(classes)} classes, so most scores "
            f"would be empty: {', '.join(absent[:_MAX_NAMES_SHOWN])} occur in no split. Is "
            "the class set (data.classes, or --classes of convert) that of these labels?"
        )
    return None


def label_warnings(
    original: Mapping[str, Counts], masks: Mapping[str, int], classes: ClassSet
) -> list[str]:
    """Return warnings about classes that are missing, and about labels that look like masks.

    Args:
        original: For each split, the pixels of each id in the labels at their own size.
        masks: For each split, the number of label maps of 0 and 255 only.
        classes: The class set.
    """
    present = sum(original.values(), np.zeros(256, dtype=np.int64))
    nowhere = _absent(present, classes, first=1)
    lines = []
    if nowhere:
        lines.append(
            f"classes that occur in no split: {', '.join(nowhere)}. They have no score, so every "
            "mean over classes is a mean over the others"
        )
    for split, counts in original.items():
        missing = [name for name in _absent(counts, classes) if name not in nowhere]
        if missing and split == "train":
            lines.append(
                f"classes that occur nowhere in train: {', '.join(missing)}. No network can learn "
                "them, so their IoU is 0 and lowers every mean over classes"
            )
        elif missing:
            lines.append(f"classes that occur nowhere in {split}: {', '.join(missing)}")
    return lines + [
        f"label maps of {split} that contain only 0 and 255: {count}; {_MASKS}"
        for split, count in masks.items()
        if count
    ]


def _absent(counts: Counts, classes: ClassSet, first: int = 0) -> Sequence[str]:
    """Return the names of the classes without a pixel, from the id `first` on."""
    return [
        name for index, name in enumerate(classes.names) if index >= first and not counts[index]
    ]


def _appearance(counts: Counts) -> str:
    """Return what labels without foreground look like."""
    if is_two_valued_mask(counts):
        return _MASKS
    ids = ", ".join(str(each) for each in np.flatnonzero(counts))
    if len(np.flatnonzero(counts)) == 1:
        return f"every pixel has the id {ids}; are these the right files?"
    return f"at the size data.image_size, nothing is left of the ids {ids}; choose a larger one"
