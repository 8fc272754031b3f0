"""Detect label maps that were resized by interpolation, which treats ids as amounts.

Between background (0) and hair (10) such a map has ids from 1 to 9 that nobody drew. In a row
or column of three pixels, the middle id is then between the ids on both sides. Drawn borders
have no such pixels, except where a part is one pixel thin.

Measured on the masks of FaceSynthetics and FASSEG, with their own ids and with LaPa's: of the
places where the ids on both sides differ by two or more, at most 6 % have an id between them
(10 % after resizing to 64 x 64 by the nearest pixel). After bilinear or area interpolation by
factors from 0.4 to 2 it is at least 16 %.

Shapes: H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE

MIN_SHARE = 0.14
MIN_PLACES = 100  # fewer places are no evidence
MAX_LINES = 256  # about as many rows and columns of a large map are examined


def blended_ids(labels: NDArray[np.integer], ignored: int | None = IGNORE) -> tuple[int, ...]:
    """Return the ids between others along the borders, if labels (H, W) look interpolated.

    Args:
        labels: The label map.
        ignored: The id of ignored pixels; places that contain it are not counted. None: there is
            none.

    Returns:
        The ids found between others, the most frequent first; empty if the labels look drawn.
    """
    places = 0
    between = np.zeros(0, dtype=labels.dtype)
    rows, columns = (max(1, extent // MAX_LINES) for extent in labels.shape)
    for lines in (labels[::rows], labels[:, ::columns].T):
        before, middle, after = lines[:, :-2], lines[:, 1:-1], lines[:, 2:]
        border = before != after
        before, middle, after = before[border], middle[border], after[border]
        low, high = np.minimum(before, after), np.maximum(before, after)
        wide = high - low >= 2
        if ignored is not None:
            wide &= (high != ignored) & (middle != ignored)
        places += int(wide.sum())
        between = np.append(between, middle[wide & (low < middle) & (middle < high)])
    if places < MIN_PLACES or len(between) < MIN_SHARE * places:
        return ()
    ids, counts = np.unique(between, return_counts=True)
    return tuple(int(each) for each in ids[np.argsort(-counts, kind="stable")])
