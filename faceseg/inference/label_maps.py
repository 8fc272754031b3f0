"""Label maps of many photographs at once: mirrored as well, and cleaned, by option.

Shapes: H, W a photograph's own size; h, w the network's grid; N photographs, C classes.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.inference.predictor import Image, Predictor, labels_from_logits, resize_logits, softmax


def label_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False, clean: bool = False
) -> list[NDArray[np.uint8]]:
    """Return labels (H, W) of each uint8 RGB image (H, W, 3); the images go through together.

    flip: the mean of the logits of each image and of its mirror image (left and right classes
    exchanged back), twice the time. clean: without crumbs (`faceseg.inference.label_maps`).
    """
    maps = [
        labels_from_logits(logits, image.shape[:2])
        for logits, image in zip(_logits(predictor, images, flip), images, strict=True)
    ]
    return [remove_small_islands(each) for each in maps] if clean else maps


def probability_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False
) -> list[NDArray[np.float32]]:
    """Return class probabilities (H, W, C) of each image, as `label_maps`."""
    return [
        softmax(resize_logits(logits, image.shape[:2]))
        for logits, image in zip(_logits(predictor, images, flip), images, strict=True)
    ]


def _logits(predictor: Predictor, images: Sequence[Image], flip: bool) -> NDArray[np.float32]:
    logits = predictor.logits(images)
    if flip:
        logits = np.mean([logits, mirrored_logits(predictor, images)], axis=0, dtype=np.float32)
    return logits


def mirrored_logits(predictor: Predictor, images: Sequence[Image]) -> NDArray[np.float32]:
    """Return logits (N, h, w, C) of the mirror images, brought back onto the images."""
    mirrored = predictor.logits([np.ascontiguousarray(image[:, ::-1]) for image in images])
    exchange = predictor.classes.flip_table[: len(predictor.classes)]
    return np.asarray(mirrored[:, :, ::-1][..., exchange])


# --- Label maps without crumbs: small islands of a class, far from the rest of it.
#
# Shapes: H rows, W columns.

Labels = NDArray[np.uint8]

MAX_ISLAND_SHARE = 0.0005  # share of the image: an eye has about twice this at LaPa's framing


def remove_small_islands(labels: Labels, largest: float = MAX_ISLAND_SHARE) -> Labels:
    """Give the islands (H, W) of less than `largest` of the image to what is nearest to them.

    The largest island of each class stays however small it is, so no class is lost. Pixels
    that touch at a corner are of one island. Raises ValueError unless 0 <= largest < 1.
    """
    if not 0 <= largest < 1:
        raise ValueError(f"largest {largest}: expected a share of the image, from 0 to below 1")
    crumbs = np.zeros(labels.shape, dtype=bool)
    for each in np.unique(labels):
        crumbs |= _small_islands(labels == each, largest * labels.size)
    if not crumbs.any():
        return labels.copy()
    return _fill_from_nearest(labels, crumbs)


def _small_islands(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return the islands of a mask that have fewer than so many pixels, all but the largest."""
    count, islands, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    small = areas < pixels
    small[0] = False  # what is not in the mask
    if count > 1:
        small[1 + int(np.argmax(areas[1:]))] = False
    return np.asarray(small[islands])


def _fill_from_nearest(labels: Labels, missing: NDArray[np.bool_]) -> Labels:
    """Fill the missing pixels with the label of the nearest one that is there."""
    _, places = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_place = np.zeros(int(places.max()) + 1, dtype=np.uint8)
    by_place[places[~missing]] = labels[~missing]
    return np.asarray(by_place[places])
