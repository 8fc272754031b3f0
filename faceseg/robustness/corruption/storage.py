"""Lossy storage: JPEG, and large pixels."""

from io import BytesIO

import numpy as np
import PIL.Image

from faceseg.robustness.corruption.worsening import Image, Worsening, enlargement

_QUALITIES = (25, 18, 15, 10, 7)
_SHARES = (0.6, 0.5, 0.4, 0.3, 0.25)  # of the source's side


def jpeg(image: Image, generator: np.random.Generator) -> Worsening:
    """Store and read as a JPEG by Pillow, whose colour is halved in both directions (4:2:0)."""
    picture = PIL.Image.fromarray(image)

    def worsened(severity: int) -> Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=_QUALITIES[severity - 1])
        return np.array(PIL.Image.open(file).convert("RGB"))

    return worsened


def pixelate(image: Image, generator: np.random.Generator) -> Worsening:
    """Average over large pixels, as many a side as the source has; never more than there are."""
    picture = PIL.Image.fromarray(image)
    scale = enlargement(image)

    def worsened(severity: int) -> Image:
        share = min(1.0, _SHARES[severity - 1] / scale)
        width, height = (max(1, int(length * share)) for length in picture.size)
        boxes = picture.resize((width, height), PIL.Image.Resampling.BOX)
        return np.array(boxes.resize(picture.size, PIL.Image.Resampling.BOX))

    return worsened
