"""Label maps of many photographs at once: mirrored as well, and cleaned, by option.

Shapes: H, W a photograph's own size; h, w the network's grid; N photographs, C classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.cleaning import without_crumbs
from faceseg.predictor import Image, Predictor, enlarge, labels_of, softmax


def label_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False, clean: bool = False
) -> list[NDArray[np.uint8]]:
    """Return labels (H, W) of each uint8 RGB image (H, W, 3); the images go through together.

    flip: the mean of the logits of each image and of its mirror image (left and right classes
    exchanged back), twice the time. clean: without crumbs (`faceseg.cleaning`).
    """
    maps = [
        labels_of(logits, image.shape[:2])
        for logits, image in zip(_logits(predictor, images, flip), images, strict=True)
    ]
    return [without_crumbs(each) for each in maps] if clean else maps


def probability_maps(
    predictor: Predictor, images: Sequence[Image], *, flip: bool = False
) -> list[NDArray[np.float32]]:
    """Return class probabilities (H, W, C) of each image, as `label_maps`."""
    return [
        softmax(enlarge(logits, image.shape[:2]))
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
