"""The nose: a region whose upper edge is weak, as in photographs; wings and nostrils are clear."""

import numpy as np

from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.geometry import Points, ellipse, ribbon, smooth
from faceseg.data.drawn.materials import rgb
from faceseg.data.drawn.portrait import Portrait

NOSE = 6


def paint_nose(sitting: Portrait, texture: Field) -> None:
    """Paint bridge, sides, tip, wings, nostrils, and the shadow under them."""
    outline = _outline(sitting)
    under = outline + np.array([0.0, 0.06 * sitting.unit])
    sitting.canvas.tint(under, 0.84, 0.05 * sitting.unit)
    skin = sitting.lit(sitting.skin * rgb(1.02, 0.97, 0.95))
    sitting.canvas.fill(
        outline, skin, label=NOSE, opacity=0.75, softness=0.02 * sitting.unit, texture=texture
    )
    _paint_sides(sitting, outline)
    _paint_wings(sitting, outline)


def _nose(sitting: Portrait, points: list[tuple[float, float, float]]) -> Points:
    """Return the cells of points (x, y, lift off the face); y from 0 (eyes) to 1 (underside)."""
    table = np.array(points)
    flat = table[:, :2] * [1.0, sitting.factors.person.nose_length]
    return sitting.head.place(flat, table[:, 2])


def _outline(sitting: Portrait) -> Points:
    wide = sitting.factors.person.nose_width
    half = [
        (0.11, -0.15, 0.07),
        (0.12, 0.2, 0.12),
        (0.55 * wide, 0.55, 0.17),
        (0.94 * wide, 0.72, 0.12),
        (wide, 0.86, 0.10),
        (0.8 * wide, 0.98, 0.12),
        (0.4 * wide, 1.0, 0.18),
    ]
    left = [(-x, y, lift) for x, y, lift in reversed(half)]
    return smooth(_nose(sitting, [*half, (0.0, 1.06, 0.2), *left]), 64)


def _paint_sides(sitting: Portrait, outline: Points) -> None:
    """Shade the side away from the light, and lay highlights on bridge and tip."""
    unit, light = sitting.unit, sitting.factors.light
    wide = sitting.factors.person.nose_width
    away = -1 if light.light_azimuth > 0 else 1
    for side in (-1, 1):
        flank = [
            (side * 0.08, 0.0, 0.1),
            (side * 0.6 * wide, 0.55, 0.16),
            (side * wide, 0.8, 0.1),
            (side * 0.4 * wide, 0.75, 0.24),
        ]
        depth = 0.16 + (0.28 * light.light_contrast if side == away else 0.0)
        sitting.canvas.tint(
            smooth(_nose(sitting, flank), 32), 1 - depth, 0.03 * unit, inside=outline
        )
    bridge = smooth(
        _nose(sitting, [(0, 0.0, 0.12), (0, 0.5, 0.22), (0, 0.8, 0.32)]), 12, closed=False
    )
    sitting.canvas.tint(ribbon(bridge, 0.09 * unit), 1.09 + 0.12 * light.shine, 0.03 * unit)
    tip = _nose(sitting, [(0, 0.8, 0.34)])[0]
    sitting.canvas.tint(
        ellipse(tip, (0.06 * unit, 0.05 * unit)), 1.1 + 0.25 * light.shine, 0.025 * unit
    )


def _paint_wings(sitting: Portrait, outline: Points) -> None:
    """Draw the creases round the wings and the nostrils."""
    unit, wide = sitting.unit, sitting.factors.person.nose_width
    for side in (-1, 1):
        crease = [
            (side * 0.8 * wide, 0.66, 0.12),
            (side * wide, 0.8, 0.1),
            (side * 0.95 * wide, 0.95, 0.1),
        ]
        line = smooth(_nose(sitting, crease), 10, closed=False)
        sitting.canvas.tint(ribbon(line, 0.04 * unit), 0.68, 0.012 * unit)
        inner = smooth(
            _nose(
                sitting,
                [
                    (side * 0.22 * wide, 0.97, 0.2),
                    (side * 0.5 * wide, 0.9, 0.18),
                    (side * 0.72 * wide, 0.94, 0.14),
                    (side * 0.5 * wide, 0.99, 0.16),
                ],
            ),
            24,
        )
        sitting.canvas.tint(inner, rgb(0.36, 0.27, 0.27), 0.012 * unit, inside=outline)
    base = smooth(
        _nose(sitting, [(-0.7 * wide, 1.01, 0.12), (0, 1.07, 0.2), (0.7 * wide, 1.01, 0.12)]),
        12,
        closed=False,
    )
    sitting.canvas.tint(ribbon(base, 0.04 * unit), 0.74, 0.012 * unit)
