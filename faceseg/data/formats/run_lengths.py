"""Decoding of masks that are stored as run lengths: COCO's, CVAT's and Label Studio's.

All lengths are checked before memory of the mask's size is used: pycocotools 2.0.11 returns
uninitialised memory for counts that are too few.

Shapes: H rows, W columns of the mask.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceseg.data.formats.shapes import Region, ShapeError, Size, region_of_mask

MAX_BLOCKS = 2**20  # of a brush mask; a few seconds
RUN_WORK = 100  # pixels that are painted in the time in which a run is decoded
_BLOCK_WORK = 10 * RUN_WORK
_BRUSH_CHANNELS = 4  # red, green, blue, alpha
_OPAQUE = 128  # of 255: at least half of the pixel is painted


def mask_of_counts(
    counts: Sequence[int], size: Size, order: Literal["rows", "columns"]
) -> NDArray[np.bool_]:
    """Return the mask (H, W) of alternating runs, the first of which is outside.

    Args:
        counts: The lengths of the runs in pixels; 0 is allowed.
        size: Rows and columns of the mask.
        order: Whether runs go along rows (CVAT) or down columns (COCO).

    Raises:
        ShapeError: A length is negative, or their sum is not the number of pixels.
    """
    pixels = size[0] * size[1]
    if any(not 0 <= count <= pixels for count in counts):
        raise ShapeError("a run of negative length or beyond the mask", "run lengths of the mask")
    if (total := sum(counts)) != pixels:
        wrong = f"run lengths of {total:,} pixels for {size[1]} x {size[0]}"
        raise ShapeError(wrong, f"run lengths of {pixels:,} pixels")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(size) if order == "rows" else flat.reshape(size[::-1]).T


def coco_counts(text: str, pixels: int) -> list[int]:
    """Decode COCO's compressed run lengths.

    Each number is written in groups of five bits, the lowest first, in the characters from `0` to
    `o`; from the fourth number on, it is the difference to the number before the last.
    Source: `rleFrString` in maskApi.c of cocodataset/cocoapi.

    Args:
        text: The characters.
        pixels: The pixels of the mask; more runs than these are refused.

    Raises:
        ShapeError: A character is not of these, the text ends inside a number, or a number is too
            large.
    """
    counts: list[int] = []
    number = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60 or len(counts) > 2 * pixels:
            raise ShapeError("compressed run lengths that are damaged", "COCO's compressed RLE")
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    if shift:
        raise ShapeError("compressed run lengths that end inside a number", "COCO's complete RLE")
    return counts


def brush_region(content: bytes, size: Size) -> Region:
    """Decode a brush mask of Label Studio into the region (H, W) of its opaque pixels.

    The stream of bits contains the number of values (32), the size of a value minus 1 (5), four
    sizes of run lengths minus 1 (4 each), then blocks: a bit for a run of one value or separate
    values, two bits that choose a run length's size, the length minus 1, and the value or values.
    The values are red, green, blue and alpha of each pixel, along rows.
    Source: rle-pack of thi-ng/umbrella, which Label Studio uses; `decode_rle` in brush.py of
    label-studio-sdk.

    Args:
        content: The bytes.
        size: Rows and columns of the image.

    Raises:
        ShapeError: The bytes end early, or contain another number of values.
    """
    total = size[0] * size[1] * _BRUSH_CHANNELS
    bits = _Bits(content)
    found, word = bits.take(32), bits.take(5) + 1
    if found != total or word != 8:
        wrong = f"a brush mask of {found:,} values of {word} bits for {size[1]} x {size[0]}"
        raise ShapeError(wrong, f"{total:,} values of 8 bits (red, green, blue, alpha)")
    lengths = [bits.take(4) + 1 for _ in range(4)]
    values, place, blocks = bytearray(total), 0, 0
    while place < total:
        head = bits.take(3)
        count = bits.take(lengths[head & 3]) + 1
        blocks += 1
        if place + count > total or blocks > MAX_BLOCKS:
            expected = f"{total:,} values in at most {MAX_BLOCKS:,} blocks"
            raise ShapeError("a brush mask whose runs exceed the image", expected)
        is_run = head & 4
        block = bits.take(8).to_bytes() * count if is_run else bits.take(8 * count).to_bytes(count)
        values[place : place + count] = block
        place += count
    alpha = np.frombuffer(values, dtype=np.uint8)[_BRUSH_CHANNELS - 1 :: _BRUSH_CHANNELS]
    return region_of_mask(alpha.reshape(size) >= _OPAQUE, blocks * _BLOCK_WORK)


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0
        self._end = 8 * len(content)

    def take(self, count: int) -> int:
        """Return the number of the next `count` bits."""
        end = self._place + count
        if end > self._end:
            raise ShapeError("a brush mask that ends early", "a complete mask")
        chunk = int.from_bytes(self._content[self._place >> 3 : (end + 7) >> 3])
        self._place = end
        return chunk >> (-end & 7) & ((1 << count) - 1)
