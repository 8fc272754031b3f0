"""The mouth: two lips, and in an open mouth teeth, tongue and the dark inside."""

from dataclasses import dataclass

import numpy as np

from faceseg.data.drawn.geometry import Points, ribbon, smooth
from faceseg.data.drawn.materials import Field, lip_colour, rgb
from faceseg.data.drawn.portrait import Portrait

UPPER_LIP, INNER_MOUTH, LOWER_LIP = 7, 8, 9
UPPER, LOWER = 0.102, 0.15  # usual thickness of the lips
LIFT = 0.06


@dataclass(frozen=True, eq=False, kw_only=True)
class LipLines:
    """The four lines of a mouth, each from the left to the right corner, in canvas cells."""

    top: Points
    upper_rim: Points
    lower_rim: Points
    bottom: Points


def paint_mouth(portrait: Portrait, texture: Field) -> None:
    """Paint the mouth: first its inside, then the lips."""
    lines = _lines(portrait)
    opening = portrait.factors.expression.mouth_open
    below = _between(lines.lower_rim, lines.bottom) + np.array([0.0, 0.08 * portrait.unit])
    portrait.canvas.tint(below, 0.84, 0.05 * portrait.unit)
    if opening > 0:
        _paint_inside(portrait, lines)
    _paint_lips(portrait, lines, texture)


def _lines(portrait: Portrait) -> LipLines:
    person, expression = portrait.factors.person, portrait.factors.expression
    wide = person.mouth_width * (
        1 + 0.16 * expression.smile - 0.35 * min(expression.mouth_open, 0.5)
    )
    level = person.nose_length + 0.345
    corner = level - 0.09 * expression.smile
    gap = expression.mouth_open
    thin = person.lip_fullness * (1 - 0.12 * expression.smile)
    high, low = level - 0.35 * gap, level + 0.65 * gap
    up, down = UPPER * thin, LOWER * thin
    top = [
        (-0.55, high - 0.72 * up),
        (-0.2, high - up),
        (0, high - 0.84 * up),
        (0.2, high - up),
        (0.55, high - 0.72 * up),
    ]
    rim = [(-0.5, high + 0.02), (0, high + 0.012), (0.5, high + 0.02)]
    lower = [(-0.5, low - 0.12 * gap + 0.02), (0, low + 0.012), (0.5, low - 0.12 * gap + 0.02)]
    bottom = [
        (-0.55, low + 0.68 * down),
        (-0.2, low + down),
        (0.2, low + down),
        (0.55, low + 0.68 * down),
    ]
    curves = []
    for line in (top, rim, lower, bottom):
        inside = [(wide * x, y + (corner - level) * x * x) for x, y in line]
        points = [(-wide, corner), *inside, (wide, corner)]
        curves.append(smooth(portrait.on_face(points, LIFT), 28, closed=False))
    if gap == 0:  # the lips meet in one line
        curves[2] = curves[1]
    return LipLines(top=curves[0], upper_rim=curves[1], lower_rim=curves[2], bottom=curves[3])


def _between(first: Points, second: Points) -> Points:
    """Return the outline between two lines with the same ends."""
    return np.concatenate([first, second[::-1]])


def _paint_inside(portrait: Portrait, lines: LipLines) -> None:
    canvas, shade = portrait.canvas, (0.4 + 0.6 * portrait.light).astype(np.float32)
    opening, unit = portrait.factors.expression.mouth_open, portrait.unit
    gap = _between(lines.upper_rim, lines.lower_rim)
    canvas.fill(gap, rgb(62, 22, 24), label=INNER_MOUTH, texture=shade)
    if opening > 0.12:
        tongue = lines.lower_rim + (lines.upper_rim - lines.lower_rim) * 0.42
        canvas.fill(
            _between(tongue[7:21], lines.lower_rim[7:21]),
            rgb(168, 78, 80),
            softness=0.02 * unit,
            texture=shade,
            inside=gap,
        )
    if portrait.factors.expression.teeth:
        share = min(1.0, 0.115 / max(opening, 1e-6))
        edge = lines.upper_rim + (lines.lower_rim - lines.upper_rim) * share * 0.85
        teeth = _between(lines.upper_rim[3:25], edge[3:25])
        canvas.fill(teeth, portrait.lit(rgb(228, 220, 206)), texture=shade, inside=gap)
    canvas.tint(ribbon(lines.upper_rim, 0.05 * unit), 0.55, 0.015 * unit, inside=gap)


def _paint_lips(portrait: Portrait, lines: LipLines, texture: Field) -> None:
    canvas, unit, light = portrait.canvas, portrait.unit, portrait.factors.light
    colour = portrait.lit(lip_colour(portrait.factors.person))
    upper, lower = _between(lines.top, lines.upper_rim), _between(lines.lower_rim, lines.bottom)
    edge = 0.008 * unit
    canvas.fill(lower, colour * 1.05, label=LOWER_LIP, softness=edge, texture=texture)
    canvas.fill(upper, colour * 0.86, label=UPPER_LIP, softness=edge, texture=texture)
    shine = lines.lower_rim[9:19] * 0.55 + lines.bottom[9:19] * 0.45
    gain = 1.12 + 0.3 * light.shine + 0.2 * portrait.factors.person.makeup
    canvas.tint(ribbon(shine, 0.045 * unit), gain, 0.02 * unit, inside=lower)
    if portrait.factors.expression.mouth_open == 0:
        taper = np.full(28, 0.026 * unit)
        canvas.tint(ribbon(lines.upper_rim, taper), rgb(0.42, 0.34, 0.34), 0.006 * unit)
    for corner in (lines.top[0], lines.top[-1]):
        spot = corner + np.array([(0, -1), (1, 0), (0, 1), (-1, 0)]) * 0.035 * unit
        canvas.tint(spot, 0.7, 0.015 * unit)
