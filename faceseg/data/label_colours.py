"""Describe a colour image that was given as a label map: its colours, and whose palette they are.

Shapes: H rows, W columns.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.class_sets import CELEBAMASK19
from faceseg.data.classes import LAPA, ClassSet, Colour
from faceseg.data.problems import BadFile

Pixels = NDArray[np.integer]

MAX_COLOURS_SHOWN = 6
MIN_SHARE = 0.9  # of the pixels; a smoothed or JPEG-compressed map has other colours at borders
_ADVICE = (
    "replace each colour by the index of its class in the class set (data.classes, or --classes of "
    "convert)"
)


def colour_problem(path: str | Path, pixels: Pixels, classes: ClassSet) -> BadFile:
    """Return the problem of a label map in colours (H, W, 3), with the palette that fits it."""
    colours, counts = colours_by_count(pixels)
    match = _matching_palette(colours, counts, classes)
    return BadFile(
        path,
        f"a colour image, so its pixels are no class ids; {len(colours)} colours: "
        + list_colours(colours, counts),
        "a single-channel PNG of class ids: "
        + (f"these are {match}, so replace each colour by its index there" if match else _ADVICE),
    )


def _matching_palette(
    colours: Sequence[Colour], counts: Sequence[int], classes: ClassSet
) -> str | None:
    """Return whose palette the colours are, or None if no known palette has most of them."""
    palettes = {
        "the colours of the class set": classes.palette,
        "the colours of LaPa's classes": LAPA.palette,
        "the colours of CelebAMask-HQ": CELEBAMASK19.palette,
    }
    for name, palette in palettes.items():
        known = [count for colour, count in zip(colours, counts, strict=True) if colour in palette]
        share = sum(known) / sum(counts)
        if len(known) >= 2 and share == 1:
            return name
        if len(known) >= 2 and share >= MIN_SHARE:
            return (
                f"{name} except for {1 - share:.1%} of the pixels, whose colours were mixed by "
                "smoothing or compression"
            )
    return None


def colours_by_count(pixels: Pixels) -> tuple[list[Colour], list[int]]:
    """Return the colours of pixels (..., 3) and their counts, the most frequent first."""
    codes = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    found, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    colours = [(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255) for code in found[order]]
    return colours, counts[order].tolist()


def list_colours(colours: Sequence[Colour], counts: Sequence[int]) -> str:
    """Return the first colours and their counts as text."""
    shown = list(zip(colours, counts, strict=True))[:MAX_COLOURS_SHOWN]
    more = ", ..." * (len(colours) > MAX_COLOURS_SHOWN)
    return ", ".join(f"{colour} {count} times" for colour, count in shown) + more
