"""The nose. As in photographs, its upper edge is faint; wings and nostrils are clear."""

import numpy as np

from faceseg.data.drawn.geometry import Points, ellipse, ribbon, smooth
from faceseg.data.drawn.materials import Field, rgb
from faceseg.data.drawn.portrait import Portrait

NOSE = 6


def paint_nose(portrait: Portrait, texture: Field) -> None:
    """Paint bridge, sides, tip, wings and nostrils of the nose, and the shadow under it."""
    outline = _outline(portrait)
    under = outline + np.array([0.0, 0.06 * portrait.unit])
    portrait.canvas.tint(under, 0.84, 0.05 * portrait.unit)
    skin = portrait.lit(portrait.skin * rgb(1.02, 0.97, 0.95))
    portrait.canvas.fill(
        outline, skin, label=NOSE, opacity=0.75, softness=0.02 * portrait.unit, texture=texture
    )
    _paint_sides(portrait, outline)
    _paint_wings(portrait, outline)


def _nose(portrait: Portrait, points: list[tuple[float, float, float]]) -> Points:
    """Return the cells of points (x, y, distance in front of the face).

    The height y is 0 at the eyes and 1 at the underside of the nose.
    """
    table = np.array(points)
    flat = table[:, :2] * [1.0, portrait.factors.person.nose_length]
    return portrait.head.place(flat, table[:, 2])


def _outline(portrait: Portrait) -> Points:
    wide = portrait.factors.person.nose_width
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
    return smooth(_nose(portrait, [*half, (0.0, 1.06, 0.2), *left]), 64)


def _paint_sides(portrait: Portrait, outline: Points) -> None:
    """Darken the side away from the light, and paint highlights on bridge and tip."""
    unit, light = portrait.unit, portrait.factors.light
    wide = portrait.factors.person.nose_width
    away = -1 if light.light_azimuth > 0 else 1
    for side in (-1, 1):
        flank = [
            (side * 0.08, 0.0, 0.1),
            (side * 0.6 * wide, 0.55, 0.16),
            (side * wide, 0.8, 0.1),
            (side * 0.4 * wide, 0.75, 0.24),
        ]
        depth = 0.16 + (0.28 * light.light_contrast if side == away else 0.0)
        portrait.canvas.tint(
            smooth(_nose(portrait, flank), 32), 1 - depth, 0.03 * unit, inside=outline
        )
    bridge = smooth(
        _nose(portrait, [(0, 0.0, 0.12), (0, 0.5, 0.22), (0, 0.8, 0.32)]), 12, closed=False
    )
    portrait.canvas.tint(ribbon(bridge, 0.09 * unit), 1.09 + 0.12 * light.shine, 0.03 * unit)
    tip = _nose(portrait, [(0, 0.8, 0.34)])[0]
    portrait.canvas.tint(
        ellipse(tip, (0.06 * unit, 0.05 * unit)), 1.1 + 0.25 * light.shine, 0.025 * unit
    )


def _paint_wings(portrait: Portrait, outline: Points) -> None:
    """Paint the nostrils and the creases around the wings."""
    unit, wide = portrait.unit, portrait.factors.person.nose_width
    for side in (-1, 1):
        crease = [
            (side * 0.8 * wide, 0.66, 0.12),
            (side * wide, 0.8, 0.1),
            (side * 0.95 * wide, 0.95, 0.1),
        ]
        line = smooth(_nose(portrait, crease), 10, closed=False)
        portrait.canvas.tint(ribbon(line, 0.04 * unit), 0.68, 0.012 * unit)
        inner = smooth(
            _nose(
                portrait,
                [
                    (side * 0.22 * wide, 0.97, 0.2),
                    (side * 0.5 * wide, 0.9, 0.18),
                    (side * 0.72 * wide, 0.94, 0.14),
                    (side * 0.5 * wide, 0.99, 0.16),
                ],
            ),
            24,
        )
        portrait.canvas.tint(inner, rgb(0.36, 0.27, 0.27), 0.012 * unit, inside=outline)
    base = smooth(
        _nose(portrait, [(-0.7 * wide, 1.01, 0.12), (0, 1.07, 0.2), (0.7 * wide, 1.01, 0.12)]),
        12,
        closed=False,
    )
    portrait.canvas.tint(ribbon(base, 0.04 * unit), 0.74, 0.012 * unit)
