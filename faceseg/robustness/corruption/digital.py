"""Lossy storage: JPEG, and large pixels."""

from io import BytesIO

import cv2
import numpy as np
import PIL.Image

from faceseg.robustness.corruption.severity import Image, ImageAtSeverity, size_ratio

_QUALITIES = (25, 18, 15, 10, 7)
_SHARES = (0.6, 0.5, 0.4, 0.3, 0.25)  # of the source's side


def jpeg(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Store and read as a JPEG by Pillow, whose colour is halved in both directions (4:2:0)."""
    picture = PIL.Image.fromarray(image)

    def worsened(severity: int) -> Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=_QUALITIES[severity - 1])
        return np.array(PIL.Image.open(file).convert("RGB"))

    return worsened


def pixelate(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Average over large pixels, as many a side as the source has; never more than there are."""
    picture = PIL.Image.fromarray(image)
    scale = size_ratio(image)

    def worsened(severity: int) -> Image:
        share = min(1.0, _SHARES[severity - 1] / scale)
        width, height = (max(1, int(length * share)) for length in picture.size)
        boxes = picture.resize((width, height), PIL.Image.Resampling.BOX)
        return np.array(boxes.resize(picture.size, PIL.Image.Resampling.BOX))

    return worsened


# --- Light and colour: each value becomes another one, by tables of whole numbers.

_CONTRASTS = (0.4, 0.3, 0.2, 0.1, 0.05)
_ADDED = (0.1, 0.2, 0.3, 0.4, 0.5)  # of full range
_LUMA = (299, 587, 114)  # thousandths (ITU-R BT.601)


def contrast(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Bring each channel nearer to its mean over the picture."""
    means = image.reshape(-1, 3).sum(axis=0, dtype=np.int64) / (image.shape[0] * image.shape[1])

    def worsened(severity: int) -> Image:
        values = np.arange(256)[:, None]
        table = np.rint((values - means) * _CONTRASTS[severity - 1] + means).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]), np.uint8)

    return worsened


def brightness(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Add to the value of hue, saturation and value, and leave the other two."""
    red, green, blue = cv2.split(image)
    value = np.maximum(np.maximum(red, green), blue).astype(np.int32)
    place = value[..., None] * 256 + image  # in a table by value and channel

    def worsened(severity: int) -> Image:
        before = np.arange(256)[:, None]
        after = np.minimum(before + 255 * _ADDED[severity - 1], 255)
        table = np.rint(np.arange(256) * after / np.maximum(before, 1))
        table[0] = np.rint(after[0])  # black has no hue, and becomes grey
        # A channel does not exceed the value: the table's other half is never read.
        brighter: Image = np.minimum(table, 255).astype(np.uint8).ravel()[place]
        return brighter

    return worsened


def grey(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Take away a fifth of the colour a severity; at 5, all of it."""
    channels = image.astype(np.int32)
    luma = (channels * _LUMA).sum(axis=2, keepdims=True)

    def worsened(severity: int) -> Image:
        mixture = channels * (1000 * (5 - severity)) + luma * severity
        mixed: Image = ((mixture + 2500) // 5000).astype(np.uint8)
        return mixed

    return worsened
