"""Label maps of many photographs at once, optionally with mirroring and removal of small islands.

Shapes: H, W a photograph's own size; h, w the network's grid; N photographs, C classes.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.inference.predictor import (
    Image,
    Labels,
    Predictor,
    labels_from_logits,
    resize_logits,
    softmax,
)

MAX_ISLAND_SHARE = 0.0005  # share of the image: an eye has about twice this at LaPa's framing


def label_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False, clean: bool = False
) -> list[Labels]:
    """Return the label map (H, W) of each image; the network runs once for all of them.

    Args:
        predictor: The network.
        images: uint8 RGB images (H, W, 3), each of any size.
        flip: Use the mean of each image and its mirror image (`Predictor.mirrored`).
        clean: Remove small islands (see `remove_small_islands`).

    Returns:
        The class ids of each image, (H, W), in the order of the images.

    Example:
        >>> maps = label_maps(faceseg.load("best.keras"), [image, other_image], flip=True)
    """
    maps = [
        labels_from_logits(logits, image.shape[:2])
        for logits, image in zip(mean_logits(predictor, images, flip), images, strict=True)
    ]
    return [remove_small_islands(each) for each in maps] if clean else maps


def probability_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False
) -> list[NDArray[np.float32]]:
    """Return class probabilities (H, W, C) of each image.

    Args:
        predictor: The network.
        images: uint8 RGB images (H, W, 3), each of any size.
        flip: As in `label_maps`.

    Returns:
        The probabilities of each image, float32 (H, W, C), in the order of the images.
    """
    return [
        softmax(resize_logits(logits, image.shape[:2]))
        for logits, image in zip(mean_logits(predictor, images, flip), images, strict=True)
    ]


def mean_logits(predictor: Predictor, images: Sequence[Image], flip: bool) -> NDArray[np.float32]:
    """Return logits (N, h, w, C) on the grid, with `flip` as in `label_maps`."""
    return (predictor.mirrored() if flip else predictor).logits(images)


def remove_small_islands(labels: Labels, largest: float = MAX_ISLAND_SHARE) -> Labels:
    """Replace small islands of a class by the labels nearest to them.

    The largest island of each class stays however small it is, so no class is lost. Pixels that
    touch at a corner belong to one island.

    Args:
        labels: Labels (H, W).
        largest: Islands with less than this share of the image's pixels are removed; 0 or more and
            below 1.

    Returns:
        A new label map (H, W).

    Raises:
        ValueError: `largest` is out of range.
    """
    if not 0 <= largest < 1:
        raise ValueError(f"largest {largest}: expected a share of the image, from 0 to below 1")
    small = np.zeros(labels.shape, dtype=bool)
    for each in np.unique(labels):
        small |= _small_islands(labels == each, largest * labels.size)
    if not small.any():
        return labels.copy()
    return _fill_from_nearest(labels, small)


def _small_islands(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return the islands of a mask with fewer than `pixels` pixels, except the largest island."""
    count, islands, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    small = areas < pixels
    small[0] = False  # component 0 is the outside of the mask
    if count > 1:
        small[1 + int(np.argmax(areas[1:]))] = False
    return np.asarray(small[islands])


def _fill_from_nearest(labels: Labels, missing: NDArray[np.bool_]) -> Labels:
    """Fill the missing pixels with the label of the nearest pixel that is not missing."""
    _, nearest = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label_of = np.zeros(int(nearest.max()) + 1, dtype=np.uint8)
    label_of[nearest[~missing]] = labels[~missing]
    return np.asarray(label_of[nearest])
