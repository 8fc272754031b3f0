"""How an item of a source is taken in: read, checked, resized.

Shapes: H rows, W columns of the pack; h, w the image's own size; C classes.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from faceseg.data.class_counts import class_columns
from faceseg.data.classes import ClassSet
from faceseg.data.images import LABEL_RESIZERS, resize_image
from faceseg.data.manifest import LabelResizing
from faceseg.data.problems import BadFile, PairProblem, check_pair
from faceseg.data.source import Facts, Item, Pair


@dataclass(frozen=True)
class PreparedPair:
    """A sound pair: image (H, W, 3) and labels (H, W), and its original if that is kept.

    `facts` are what the item says of itself, asked only where the original is kept. `digest` is
    of the original's pixels, `columns` (C, W) the tally of the packed labels.
    """

    id: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    original: Pair | None
    facts: Facts
    digest: bytes
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class Preprocessor:
    """How the items of one split are taken in.

    `label_resizing` is how their labels are brought to `size`; originals stay as they are.
    """

    split: str
    classes: ClassSet
    size: tuple[int, int]
    originals: bool
    label_resizing: LabelResizing = "nearest"

    def process(self, item: Item) -> PreparedPair | PairProblem:
        """Read, check and resize one item."""
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
        packed = LABEL_RESIZERS[self.label_resizing](labels, self.size)
        return PreparedPair(
            id=item.id,
            image=resize_image(image, self.size),
            labels=packed,
            original=(image, labels) if self.originals else None,
            facts=item.facts(labels) if self.originals else {},
            digest=_digest(image),
            columns=class_columns(packed, len(self.classes)),
        )


def _digest(image: NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    digest = blake2b(f"{height}x{width}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
