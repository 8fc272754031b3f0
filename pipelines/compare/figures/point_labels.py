"""Names beside the points of a scatter plot, placed so that no name covers another or a marker."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from pipelines.compare.figures.styles import SeriesStyle

FONT_SIZE = 9  # points
MARKER = 6.0  # points from a marker's centre to its edge, with a margin
LEADER = 12.0  # points; a name farther from its point gets a line to it
DISTANCES = (3.0, 12.0, 22.0, 34.0, 48.0, 64.0)  # points between marker and name
DARKER = 0.65  # factor on the colour of a name
HALO = [withStroke(linewidth=2.5, foreground="white")]
# Right above first, where a vertical bar through the point does not cross the name.
DIRECTIONS = ((1, 0.6), (1, -0.6), (-1, 0.6), (-1, -0.6), (1, 0), (-1, 0), (0, 1), (0, -1))
Box = tuple[float, float, float, float]  # left, bottom, right, top


def label_points(
    axis: Axes, points: NDArray[np.float64], styles: Mapping[str, SeriesStyle]
) -> None:
    """Write each point's name beside it.

    Args:
        axis: The axis; its limits are final, and its figure has been drawn, so that the layout is
            known.
        points: The points (N, 2) in data coordinates.
        styles: The N names, with their styles.
    """
    scale = 72 / axis.figure.dpi  # points per pixel
    area = axis.get_window_extent()
    texts = [
        axis.annotate(name, point, xytext=(0, 0), textcoords="offset points", fontsize=FONT_SIZE,
                      color=_readable(style.colour), path_effects=HALO)
        for (name, style), point in zip(styles.items(), points, strict=True)
    ]  # fmt: skip
    extents = [text.get_window_extent() for text in texts]
    offsets = place_labels(
        scale * axis.transData.transform(points),
        [(scale * each.width, scale * each.height) for each in extents],
        (scale * area.x0, scale * area.y0, scale * area.x1, scale * area.y1),
    )
    for text, extent, (right, up) in zip(texts, extents, offsets, strict=True):
        text.set_position((right, up))
        nearest = (
            min(max(0, right), right + scale * extent.width),
            min(max(0, up), up + scale * extent.height),
        )
        if math.hypot(*nearest) > LEADER:
            axis.annotate("", text.xy, xytext=nearest, textcoords="offset points",
                          arrowprops={"arrowstyle": "-", "color": text.get_color(),
                                      "linewidth": 0.7}, zorder=1)  # fmt: skip


def _readable(colour: str) -> tuple[float, ...]:
    """Return a darker colour, for text on white."""
    return tuple(DARKER * part for part in to_rgb(colour))


def place_labels(
    centres: Iterable[Sequence[float]], sizes: Sequence[tuple[float, float]], area: Box
) -> list[tuple[float, float]]:
    """Return where each label's lower left corner is, relative to its point.

    Labels are placed in the given order, each at the position nearest to its point where it covers
    no marker and no label before it, inside the area. If there is none, it covers as little as
    possible.

    Args:
        centres: The points (x, y).
        sizes: Width and height of each label, in the unit of the points.
        area: The area in which labels should be.
    """
    centres = list(centres)
    taken = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in centres]
    offsets = []
    for (x, y), (width, height) in zip(centres, sizes, strict=True):
        best, least = (0.0, 0.0), math.inf
        for right, up in _candidates(width, height):
            box = (x + right, y + up, x + right + width, y + up + height)
            covered = sum(_overlap(box, other) for other in taken)
            covered += width * height - _overlap(box, area)
            if covered < least - 1e-6:
                best, least = (right, up), covered
        offsets.append(best)
        taken.append((x + best[0], y + best[1], x + best[0] + width, y + best[1] + height))
    return offsets


def _candidates(width: float, height: float) -> list[tuple[float, float]]:
    """Return the offsets that a label of this size may have, the nearest first."""
    found = []
    for distance in DISTANCES:
        for across, upwards in DIRECTIONS:
            reach = MARKER + distance
            # The label's edge or corner that faces the point is at the distance.
            right = across * reach + (0 if across > 0 else -width if across < 0 else -width / 2)
            up = upwards * reach + (0 if upwards > 0 else -height if upwards < 0 else -height / 2)
            found.append((right, up))
    return found


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes have in common."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
