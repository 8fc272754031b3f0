"""A checksum of the masks drawn for a list of images, for the manifest."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np

from faceseg.classes import ClassSet
from faceseg.robustness.occlusion.drawing import occlude_each
from faceseg.robustness.occlusion.kinds import severities
from faceseg.robustness.occlusion.scene import Labels
from faceseg.robustness.occlusion.seeds import VERSION


def mask_digest(
    images: Iterable[tuple[str, Labels]], kinds: Sequence[str], classes: ClassSet, replica: int = 0
) -> str:
    """Return a SHA-256 (hexadecimal) of all masks of (id, labels) at all severities.

    Masks depend on labels and ids alone, so no pictures are needed. The order of images
    and kinds counts: it is a checksum of this list.
    """
    digest = hashlib.sha256(VERSION.encode())
    for image_id, labels in images:
        blank = np.zeros((*labels.shape, 3), np.uint8)
        for kind in kinds:
            steps = severities(kind)
            drawn = occlude_each(blank, labels, image_id, kind, steps, classes, replica)
            for severity, occlusion in zip(steps, drawn, strict=True):
                name = json.dumps([image_id, kind, severity, replica, *labels.shape])
                digest.update(name.encode())
                digest.update(np.packbits(occlusion.mask).tobytes())
    return digest.hexdigest()
