"""Eyes and eyebrows.

`side` is -1 for the left side of the image (classes 2 and 4) and 1 for the right (3 and 5).
"""

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.geometry import Points, ellipse, ribbon, smooth
from faceseg.data.drawn.materials import Colour, Field, mix, rgb
from faceseg.data.drawn.portrait import Portrait

BROW, EYE = {-1: 2, 1: 3}, {-1: 4, 1: 5}
UPPER, LOWER = 0.088, 0.046  # height of the lids' arcs of an open eye


def paint_eyes(portrait: Portrait) -> None:
    """Paint both eyes: sockets, eyeballs, irises, lids, lashes."""
    for side in (-1, 1):
        upper, lower = _lids(portrait, side)
        outline = np.concatenate([upper, lower[::-1][1:-1]])
        _paint_socket(portrait, upper)
        _paint_ball(portrait, side, outline)
        _paint_lashes(portrait, side, upper, lower)


def _open(portrait: Portrait, side: int) -> float:
    expression = portrait.factors.expression
    return expression.left_eye_open if side < 0 else expression.right_eye_open


def _lids(portrait: Portrait, side: int) -> tuple[Points, Points]:
    """Return the edges of the upper and the lower lid, from inner to outer corner."""
    person, opening = portrait.factors.person, _open(portrait, side)
    x, wide, tilt = person.eye_spacing, person.eye_width, person.eye_tilt
    smiling = 0.25 * max(0.0, portrait.factors.expression.smile)
    up = UPPER * opening - 0.035 * (1 - opening)
    down = LOWER * (1 - smiling * min(opening, 1))
    inner, outer = (x - wide, 0.02), (x + wide, 0.01 - tilt)
    above = [
        inner,
        (x - 0.45 * wide, -0.8 * up),
        (x + 0.15 * wide, -up),
        (x + 0.7 * wide, -0.66 * up - 0.5 * tilt),
        outer,
    ]
    below = [
        inner,
        (x - 0.4 * wide, 0.8 * down),
        (x + 0.2 * wide, down),
        (x + 0.7 * wide, 0.7 * down - 0.4 * tilt),
        outer,
    ]
    edges = []
    for points in (above, below):
        on_skin = portrait.on_face([(side * across, y) for across, y in points], lift=0.02)
        edges.append(smooth(on_skin, 16, closed=False))
    return edges[0], edges[1]


def _paint_socket(portrait: Portrait, upper: Points) -> None:
    """Paint the lid above the eye, its crease, and eye shadow."""
    unit, makeup = portrait.unit, portrait.factors.person.makeup
    shift = np.array([0.0, -0.05 * unit])
    if makeup > 0.3:
        lid = ribbon(upper + 1.0 * shift, np.full(16, 0.13 * unit))
        colour = 1 - makeup * rgb(0.35, 0.45, 0.3) * np.float32(portrait.rng.uniform(0.5, 1))
        portrait.canvas.tint(lid, colour, 0.04 * unit)
    taper = np.sin(np.linspace(0.15, np.pi - 0.1, 16)) * 0.035 * unit
    crease = ribbon(upper + 1.1 * shift, taper)
    portrait.canvas.tint(crease, 0.62, 0.012 * unit)


def _paint_ball(portrait: Portrait, side: int, outline: Points) -> None:
    """Paint white, iris, pupil and highlight; the whole opening gets the eye's label."""
    canvas, unit, expression = portrait.canvas, portrait.unit, portrait.factors.expression
    white = portrait.lit(mix(rgb(238, 233, 228), portrait.skin, 0.12))
    shade = (0.35 + 0.65 * portrait.light).astype(np.float32)
    canvas.fill(outline, white, label=EYE[side], texture=shade)
    if _open(portrait, side) < 0.08:
        canvas.fill(outline, portrait.lit(portrait.skin) * 0.9, texture=portrait.light)
        return
    person = portrait.factors.person
    look = (side * person.eye_spacing + 0.07 * expression.gaze_x, -0.022 + 0.03 * expression.gaze_y)
    middle = portrait.on_face([look], lift=0.02)[0]
    squeeze = max(0.45, float(np.cos(portrait.head.yaw)))
    for radius, colour in (
        (0.092, rgb(*person.iris) * 0.45),
        (0.079, rgb(*person.iris)),
        (0.04, rgb(12, 10, 10)),
    ):
        disc = ellipse(middle, (radius * unit * squeeze, radius * unit), portrait.head.roll)
        canvas.fill(disc, colour, texture=shade, inside=outline)
    canvas.tint(outline, 0.55, 0.025 * unit, inside=outline, shift=(0, -0.075 * unit))
    spark = middle + np.array([-0.028, -0.03]) * unit
    canvas.fill(ellipse(spark, (0.018 * unit, 0.018 * unit)), rgb(255, 255, 255), inside=outline)


def _paint_lashes(portrait: Portrait, side: int, upper: Points, lower: Points) -> None:
    """Paint the dark rims of the lids.

    The upper rim is labelled as the eye, so that a closed eye is a thin line.
    """
    unit, makeup = portrait.unit, portrait.factors.person.makeup
    dark = mix(portrait.skin * 0.28, rgb(18, 12, 10), 0.4 + 0.5 * makeup)
    taper = np.linspace(0.5, 1.0, 16) * (0.034 + 0.022 * makeup) * unit
    taper[-1] *= 0.4
    portrait.canvas.fill(ribbon(upper, taper), dark, label=EYE[side], texture=portrait.light)
    edge = ribbon(lower, 0.016 * unit)
    portrait.canvas.tint(edge, 0.62, 0.006 * unit)


def brow_colour(portrait: Portrait) -> Colour:
    """Return the brows' colour: similar to the hair's, but darker than white or blond hair."""
    person = portrait.factors.person
    hair = np.minimum(rgb(*portrait.factors.hair.hair_rgb) * 0.75, portrait.skin * 0.62)
    return mix(portrait.skin * 0.8, hair, person.brow_contrast)


def paint_brows(portrait: Portrait) -> None:
    """Paint both eyebrows as bands of short hairs."""
    person, rng, unit = portrait.factors.person, portrait.rng, portrait.unit
    colour = portrait.lit(brow_colour(portrait))
    hairs = portrait.light * (1 + 0.16 * materials.grain(rng, portrait.canvas.side, 128))
    texture: Field = hairs.astype(np.float32)
    lift = portrait.factors.expression.brow_raise
    for side in (-1, 1):
        uneven = rng.normal() * 0.008
        top = -0.30 - lift + uneven
        bend = top - 0.05 - person.brow_arch
        path = [
            (0.17, top + 0.02 + 0.6 * min(lift, 0)),
            (0.4, bend + 0.015),
            (0.62, bend),
            (0.82, top),
        ]
        line = smooth(
            portrait.on_face([(side * x, y) for x, y in path], lift=0.03), 18, closed=False
        )
        share = np.linspace(0, 1, 18)
        width = (
            person.brow_thickness
            * unit
            * np.interp(share, [0, 0.15, 0.55, 1], [0.7, 1.0, 0.9, 0.12])
        )
        outline = ribbon(line, width)
        portrait.canvas.fill(
            outline,
            colour,
            label=BROW[side],
            opacity=0.9,
            softness=0.012 * unit,
            texture=texture,
        )
