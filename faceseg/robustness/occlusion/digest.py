"""A checksum of the masks drawn for a list of images, for the manifest."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np

from faceseg.ahead import in_order
from faceseg.classes import ClassSet
from faceseg.robustness.occlusion.drawing import occlude_each
from faceseg.robustness.occlusion.kinds import VERSION, severities
from faceseg.robustness.occlusion.scene import Labels


def mask_digest(
    images: Iterable[tuple[str, Labels]],
    kinds: Sequence[str],
    classes: ClassSet,
    replica: int = 0,
    threads: int = 1,
) -> str:
    """Return a SHA-256 (hexadecimal) of all masks of (id, labels) at all severities.

    Masks depend on labels and ids alone, so no pictures are needed. The order of images
    and kinds counts: it is a checksum of this list; the number of threads does not.
    """

    def parts(item: tuple[str, Labels]) -> list[bytes]:
        image_id, labels = item
        blank = np.zeros((*labels.shape, 3), np.uint8)
        found = []
        for kind in kinds:
            steps = severities(kind)
            drawn = occlude_each(blank, labels, image_id, kind, steps, classes, replica)
            for severity, occlusion in zip(steps, drawn, strict=True):
                name = json.dumps([image_id, kind, severity, replica, *labels.shape])
                found += [name.encode(), np.packbits(occlusion.mask).tobytes()]
        return found

    digest = hashlib.sha256(VERSION.encode())
    for image_parts in in_order(parts, images, threads):
        for part in image_parts:
            digest.update(part)
    return digest.hexdigest()
