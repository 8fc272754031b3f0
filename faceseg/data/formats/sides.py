"""Decide from label maps whether a data set's left is left in the image.

Formats name the sides of a face differently: some mean the person's left, some the image's, and
few documents define it. Faces are upright in almost all images, so the left part of a pair has the
smaller mean x exactly where its name means left in the image.

Shapes: H rows, W columns.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from faceseg.data.class_counts import ClassCounts, SideCounts, class_columns
from faceseg.data.classes import ClassSet
from faceseg.errors import UserError

SAMPLE = 32  # images, evenly spread over the data set
ENOUGH = 3  # images with both classes of a pair, which one mislabelled image does not decide
CLEAR = 0.8  # share of the images of a sample that agree; tilted and turned heads are fewer


def are_exchanged(label_maps: Iterable[NDArray[np.uint8]], classes: ClassSet) -> bool:
    """Return whether left and right of the class set must be exchanged.

    Each pair is judged by the mean x of its two classes, in the images that contain both. A pair
    counts if at least 80 % of these images agree. Pairs with both classes in fewer than three
    images count only if there are no others.

    Args:
        label_maps: Labels (H, W) in ids of the class set.
        classes: The class set; its pairs must be left and right in the image.

    Raises:
        UserError: One pair is in the order of the image and another one is not.
    """
    counts = ClassCounts(classes)
    for labels in label_maps:
        counts.add(class_columns(labels, len(classes)))
    clear = [side for side in counts.sides() if side.share >= CLEAR or side.share <= 1 - CLEAR]
    judged = [side for side in clear if side.images >= ENOUGH] or clear
    kept = [side for side in judged if side.share >= CLEAR]
    exchanged = [side for side in judged if side.share <= 1 - CLEAR]
    if kept and exchanged:
        raise UserError(
            f"left and right contradict one another: {_described(kept[0])}, but "
            f"{_described(exchanged[0])}. All pairs must follow one rule: exchange the two classes "
            f"of {exchanged[0].left} and {exchanged[0].right} in `map` of the file of --classes "
            "(or in data.mapping)"
        )
    return bool(exchanged)


def _described(side: SideCounts) -> str:
    return f"{side.left} is left of {side.right} in {side.kept} of {side.images} images"
