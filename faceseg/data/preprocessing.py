"""Preprocessing of one item of a source: it is read, checked and resized.

Shapes: H rows, W columns of the pack; h, w the image's own size; C classes.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from faceseg.data.blended_ids import blended_ids
from faceseg.data.class_counts import class_columns
from faceseg.data.classes import ClassSet
from faceseg.data.cropping import Cropper
from faceseg.data.images import LABEL_RESIZERS, resize_image
from faceseg.data.label_checks import Counts, count_ids
from faceseg.data.manifest import LabelResizing
from faceseg.data.problems import BadFile, PairProblem, check_pair
from faceseg.data.source import Facts, Item, Pair


@dataclass(frozen=True, kw_only=True)
class PreparedPair:
    """A usable pair, ready to be packed.

    Attributes:
        id: The id of the item.
        image: The resized image (H, W, 3).
        labels: The resized labels (H, W).
        original: The pair (h, w, 3), (h, w) before resizing, if it must be packed too.
        facts: The item's facts; empty where the original is not packed.
        digest: Digest of the original image's pixels.
        columns: Class pixels in each column of the resized labels, (C, W).
        original_ids: Pixels of each id in the labels before resizing, (256,).
        blended: The ids of `blended_ids`, if the labels look interpolated.
        without_face: Whether it was to be cropped to its face, but none was found.
    """

    id: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    original: Pair | None
    facts: Facts
    digest: bytes
    columns: NDArray[np.int64]
    original_ids: Counts
    blended: tuple[int, ...]
    without_face: bool


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """Preprocesses the items of one split.

    Attributes:
        split: The name of the split.
        classes: The class set of the labels.
        size: The size (H, W) of the packed images.
        originals: Whether to keep the images at their own size and their facts too.
        label_resizing: The method that resizes the labels to `size`; originals are unchanged.
        cropper: Crops the images to their face before they are resized; originals are not
            cropped. None for whole images.
    """

    split: str
    classes: ClassSet
    size: tuple[int, int]
    originals: bool
    label_resizing: LabelResizing = "nearest"
    cropper: Cropper | None = None

    def process(self, item: Item) -> PreparedPair | PairProblem:
        """Read, check and resize one item; return the problem if the pair is unusable."""
        try:
            image, labels = item.read()
            check_pair(image, labels, self.classes, f"{self.split}/{item.id}")
        except BadFile as bad:
            return PairProblem(
                split=self.split,
                id=item.id,
                file=bad.file,
                wrong=bad.wrong,
                expected=bad.expected,
            )
        crop = None if self.cropper is None else self.cropper.crop(image, labels, self.classes)
        kept_image, kept_labels = crop or (image, labels)
        packed = LABEL_RESIZERS[self.label_resizing](kept_labels, self.size)
        return PreparedPair(
            id=item.id,
            image=resize_image(kept_image, self.size),
            labels=packed,
            original=(image, labels) if self.originals else None,
            facts=item.facts(labels) if self.originals else {},
            digest=_digest(image),
            columns=class_columns(packed, len(self.classes)),
            original_ids=count_ids(labels),
            blended=blended_ids(labels),
            without_face=self.cropper is not None and crop is None,
        )


def _digest(image: NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    digest = blake2b(f"{height}x{width}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
