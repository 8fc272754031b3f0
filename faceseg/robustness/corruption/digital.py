"""Digital corruptions: JPEG, large pixels, contrast, brightness and loss of colour."""

from io import BytesIO

import cv2
import numpy as np
import PIL.Image

from faceseg.robustness.corruption.severity import Image, ImageAtSeverity, size_ratio

_QUALITIES = (25, 18, 15, 10, 7)
_SHARES = (0.6, 0.5, 0.4, 0.3, 0.25)  # of the source's side
_CONTRASTS = (0.4, 0.3, 0.2, 0.1, 0.05)
_ADDED = (0.1, 0.2, 0.3, 0.4, 0.5)  # of the full range
_LUMA = (299, 587, 114)  # thousandths (ITU-R BT.601)


def jpeg(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Encode and decode as a JPEG with Pillow, which halves the colour resolution (4:2:0)."""
    picture = PIL.Image.fromarray(image)

    def corrupted(severity: int) -> Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=_QUALITIES[severity - 1])
        return np.array(PIL.Image.open(file).convert("RGB"))

    return corrupted


def pixelate(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Average over large pixels, the same number a side as in the source.

    An image with fewer pixels than that stays as it is.
    """
    picture = PIL.Image.fromarray(image)
    scale = size_ratio(image)

    def corrupted(severity: int) -> Image:
        share = min(1.0, _SHARES[severity - 1] / scale)
        width, height = (max(1, int(length * share)) for length in picture.size)
        boxes = picture.resize((width, height), PIL.Image.Resampling.BOX)
        return np.array(boxes.resize(picture.size, PIL.Image.Resampling.BOX))

    return corrupted


# --- Light and colour, by look-up tables of whole numbers.


def contrast(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Move each channel towards its mean over the picture."""
    means = image.reshape(-1, 3).sum(axis=0, dtype=np.int64) / (image.shape[0] * image.shape[1])

    def corrupted(severity: int) -> Image:
        values = np.arange(256)[:, None]
        table = np.rint((values - means) * _CONTRASTS[severity - 1] + means).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]), np.uint8)

    return corrupted


def brightness(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Increase the value in hue, saturation and value, and keep the other two."""
    red, green, blue = cv2.split(image)
    value = np.maximum(np.maximum(red, green), blue).astype(np.int32)
    index = value[..., None] * 256 + image  # in a table by value and channel

    def corrupted(severity: int) -> Image:
        before = np.arange(256)[:, None]
        after = np.minimum(before + 255 * _ADDED[severity - 1], 255)
        table = np.rint(np.arange(256) * after / np.maximum(before, 1))
        table[0] = np.rint(after[0])  # black has no hue and becomes grey
        # A channel is never above the value, so half of the table is never read.
        brighter: Image = np.minimum(table, 255).astype(np.uint8).ravel()[index]
        return brighter

    return corrupted


def grey(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Remove a fifth of the colour per severity; at 5 the picture is grey."""
    channels = image.astype(np.int32)
    luma = (channels * _LUMA).sum(axis=2, keepdims=True)

    def corrupted(severity: int) -> Image:
        mixture = channels * (1000 * (5 - severity)) + luma * severity
        mixed: Image = ((mixture + 2500) // 5000).astype(np.uint8)
        return mixed

    return corrupted
