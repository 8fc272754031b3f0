"""Reading and resizing of photographs and label maps.

Shapes: H rows, W columns of the file after its EXIF rotation. All arrays are uint8, RGB.

Colour: grey becomes three equal channels; 16-bit values keep their high byte; CMYK is converted
without a colour profile, and is inverted first where the file has no Adobe marker.
Transparent images are composed over white, as viewers and labelling tools show them: the people
who drew the labels did not see the colours of transparent pixels.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from faceseg.data.classes import IGNORE, LAPA, ClassSet
from faceseg.data.decoding import (
    MAX_PIXELS,
    DecodedImage,
    decode,
    decoder_errors,
    read_content,
)
from faceseg.data.label_colours import colour_problem
from faceseg.data.label_majority import majority_labels
from faceseg.data.problems import BadFile, check_ids

Pixels = NDArray[np.uint8]

_ONE_CHANNEL = "a single-channel PNG (8-bit, 16-bit, 1-bit or palette) of class ids"
_MASK = "a single-channel PNG of 0 and 255 only"
_OPAQUE = 255


def read_image(path: str | Path) -> Pixels:
    """Read a photograph from a file (see `decode_image`)."""
    return decode_image(read_content(Path(path)), path)


def decode_image(content: bytes, name: str | Path, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode a photograph: a JPEG, PNG, WebP, BMP, TIFF or GIF image, of which the first frame.

    Args:
        content: The bytes of the file.
        name: The name of the file in an error.
        max_pixels: The maximum number of pixels, read from the header.

    Returns:
        RGB (H, W, 3), upright.

    Raises:
        TooManyPixels: The image has more pixels.
        UnknownFormat: The bytes are no image of these formats.
        BadFile: The image is empty, damaged, or takes too long to decode for its size.
    """
    decoded = decode(content, name, max_pixels)
    with decoder_errors(name):
        return _rgb(decoded)


def _rgb(decoded: DecodedImage) -> Pixels:
    image = decoded.image
    if image.mode.startswith("I;16"):  # grey of 12 or 16 bits
        grey = (np.asarray(image).astype(np.uint16) >> (decoded.bits - 8)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError("signed, 32-bit or floating-point values, whose white is unknown")
    if image.mode == "P" and image.palette is None:
        raise ValueError("a palette image without a palette")
    if image.mode == "CMYK" and decoded.kind in ("JPEG", "MPO") and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow treats every CMYK JPEG as Adobe's
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def read_labels(path: str | Path, classes: ClassSet) -> Pixels:
    """Read a label map from a PNG, or from a BMP or TIFF that keeps the ids.

    In a palette image the indices are the ids, not the colours. A colour image is accepted
    only if its channels are equal everywhere.

    Returns:
        The class ids (H, W); 255 means ignored.

    Raises:
        BadFile: The file cannot be decoded, is no map of ids, or contains an id that is neither
            in `classes` nor 255.
    """
    decoded = decode(read_content(Path(path)), path)
    if not decoded.exact:
        wrong = f"a {decoded.kind} that may have changed the ids (lossy, renumbered or inverted)"
        raise BadFile(path, wrong, _ONE_CHANNEL)
    labels = _ids(path, decoded, classes)
    check_ids(labels, classes, path)
    return labels.astype(np.uint8)


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask of one part from a PNG of 0 and 255, or of 0 and 1.

    Returns:
        Whether each pixel belongs to the part (H, W).

    Raises:
        BadFile: The file cannot be decoded, is in colours, or contains other values, as after a
            smooth resizing.
    """
    decoded = decode(read_content(Path(path)), path)
    if not decoded.exact:
        raise BadFile(path, f"a {decoded.kind} that may have changed the values", _MASK)
    try:
        values = _ids(path, decoded, LAPA)
    except BadFile as bad:
        raise BadFile(path, bad.wrong, _MASK) from bad
    mask: NDArray[np.bool_] = values != 0
    high = values.max()
    if high not in (0, 1, 255) or np.any(mask & (values != high)):
        shown = ", ".join(str(each) for each in np.unique(values)[:5])
        raise BadFile(path, f"more than two values, or others than 0 and 255: {shown}", _MASK)
    return mask


def _ids(path: str | Path, decoded: DecodedImage, classes: ClassSet) -> NDArray[np.integer]:
    values: NDArray[np.integer] = np.asarray(decoded.image)
    mode = decoded.image.mode
    if mode == "1":
        return values.astype(np.uint8)
    if mode == "L" and decoded.bits < 8:
        # Pillow scales 2-bit and 4-bit grey to 0..255, which is right for photographs only.
        return values // np.uint8(255 // (2**decoded.bits - 1))
    if mode in ("L", "P") or mode.startswith("I;16"):
        return values
    if decoded.bits > 8:
        raise BadFile(path, "16-bit colour or alpha", _ONE_CHANNEL)
    if mode not in ("RGB", "LA", "RGBA"):
        raise BadFile(path, f"colours of the kind {mode}", _ONE_CHANNEL)
    if mode != "RGB":  # the last channel is alpha
        if np.any(values[..., -1] != _OPAQUE):
            raise BadFile(path, "partly transparent", _ONE_CHANNEL)
        values = values[..., :-1]
    if np.any(values != values[..., :1]):
        raise colour_problem(path, values, classes)
    return values[..., 0]


def resize_image(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize an image (H, W, 3) to `size` (rows, columns), without keeping its aspect ratio.

    An axis that shrinks is interpolated by area, one that grows linearly. Pixel centres are
    aligned (half-pixel), so that the content does not shift.
    """
    rows, columns = image.shape[:2]
    smaller = (min(rows, size[0]), min(columns, size[1]))
    for wanted, interpolation in ((smaller, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if image.shape[:2] != wanted:
            image = _resized(image, wanted, interpolation)
    return image


def resize_labels(labels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize labels (H, W) to `size` by the nearest pixel, which creates no new ids.

    Each new pixel takes the id at its own centre, (i + 1/2) * old / new, so that labels stay
    aligned with the image. On an edge between two pixels it takes the later one. (OpenCV's
    INTER_NEAREST takes the id at the new pixel's corner; its exact variant takes the earlier
    pixel at some edges.)
    """
    if labels.shape == size:
        return labels
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for old, new in zip(labels.shape, size, strict=True)
    )
    nearest: Pixels = labels[rows[:, None], columns]
    return nearest


def resize_labels_bilinear(labels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize labels (H, W) to `size` bilinearly, which is wrong: it treats ids as amounts.

    This reproduces a defect of the reference study (`cv2.resize` of the mask, then a cast of
    its ids) and must be used only to replicate that study. Between hair (10) and the left brow
    (2) it writes nose (6). A new pixel to which an ignored one contributes is ignored; the
    study's masks have none.
    """
    if labels.shape == size:
        return labels
    ignored = (labels == IGNORE).astype(np.float32)
    touched = cv2.resize(ignored, size[::-1], interpolation=cv2.INTER_LINEAR) > 0
    return np.where(touched, np.uint8(IGNORE), _resized(labels, size, cv2.INTER_LINEAR))


def resize_labels_by_majority(labels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize labels (H, W) to `size` by the largest area (see `majority_labels`).

    An axis that grows is resized by the nearest pixel.
    """
    smaller = (min(labels.shape[0], size[0]), min(labels.shape[1], size[1]))
    if smaller != labels.shape:
        labels = majority_labels(labels, resize_labels(labels, smaller))
    return resize_labels(labels, size)


LABEL_RESIZERS: dict[str, Callable[[Pixels, tuple[int, int]], Pixels]] = {
    "nearest": resize_labels,
    "bilinear": resize_labels_bilinear,
    "majority": resize_labels_by_majority,
}


def _resized(pixels: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    resized = cv2.resize(pixels, (size[1], size[0]), interpolation=interpolation)
    return np.asarray(resized, dtype=np.uint8)
