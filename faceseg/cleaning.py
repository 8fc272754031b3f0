"""Label maps without crumbs: small islands of a class, far from the rest of it.

Shapes: H rows, W columns.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]

CRUMB = 0.0005  # share of the image: an eye has about twice this at LaPa's framing


def without_crumbs(labels: Labels, largest: float = CRUMB) -> Labels:
    """Give the islands (H, W) of less than `largest` of the image to what is nearest to them.

    The largest island of each class stays however small it is, so no class is lost. Pixels
    that touch at a corner are of one island. Raises ValueError unless 0 <= largest < 1.
    """
    if not 0 <= largest < 1:
        raise ValueError(f"largest {largest}: expected a share of the image, from 0 to below 1")
    crumbs = np.zeros(labels.shape, dtype=bool)
    for each in np.unique(labels):
        crumbs |= _crumbs_of(labels == each, largest * labels.size)
    if not crumbs.any():
        return labels.copy()
    return _nearest(labels, crumbs)


def _crumbs_of(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return the islands of a mask that have fewer than so many pixels, all but the largest."""
    count, islands, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    small = areas < pixels
    small[0] = False  # what is not in the mask
    if count > 1:
        small[1 + int(np.argmax(areas[1:]))] = False
    return np.asarray(small[islands])


def _nearest(labels: Labels, missing: NDArray[np.bool_]) -> Labels:
    """Fill the missing pixels with the label of the nearest one that is there."""
    _, places = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_place = np.zeros(int(places.max()) + 1, dtype=np.uint8)
    by_place[places[~missing]] = labels[~missing]
    return np.asarray(by_place[places])
