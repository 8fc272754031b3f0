"""Neck, shoulders and clothes; all of them are labelled background, as in LaPa."""

from collections.abc import Sequence

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.geometry import Points, hull, rotation_matrix, smooth
from faceseg.data.drawn.materials import Colour, Field, rgb
from faceseg.data.drawn.portrait import Portrait


def paint_body(portrait: Portrait) -> None:
    """Paint neck, shoulders and clothes under the head."""
    shade = (0.55 + 0.45 * portrait.light).astype(np.float32)
    skin = portrait.lit(portrait.skin)
    torso = _torso(portrait)
    if portrait.factors.scene.clothes != "none":
        _paint_clothes(portrait, torso, shade)
    else:
        portrait.canvas.fill(torso, skin * 0.95, label=0, texture=shade)
    _paint_neck(portrait, skin, shade)
    if portrait.factors.scene.clothes in ("collar", "hood"):
        _paint_collar(portrait, shade)


def _below(portrait: Portrait, points: Sequence[tuple[float, float]]) -> Points:
    """Return the cells of points on the body, which rolls a third as much as the head.

    The points are in face units relative to the base of the neck, which moves with the jaw.
    """
    head = portrait.head
    base = head.project(np.array([[0.0, 1.35, -0.45]]))[0]
    cells: Points = np.asarray(points) @ rotation_matrix(head.roll / 3).T * head.unit + base
    return cells


def _torso(portrait: Portrait) -> Points:
    wide, drop = portrait.rng.uniform(1.75, 2.3), portrait.rng.uniform(0.55, 0.85)
    right = [(0.45, 0.35), (0.75, 0.62), (wide, drop + 0.25), (wide + 0.35, 1.6), (wide + 0.4, 6)]
    left = [(-x, y) for x, y in reversed(right)]
    return smooth(_below(portrait, [*right, *left]), 80)


def _paint_neck(portrait: Portrait, skin: Colour, shade: Field) -> None:
    """Paint a column from the jaw to the collar, and the shadow of the chin on it."""
    wide = 0.56 + 0.14 * portrait.factors.person.jaw
    dip = {"none": 1.0, "round": 0.75, "neckline": 1.35, "collar": 0.9, "hood": 0.6}
    low = dip[portrait.factors.scene.clothes]
    jaw = portrait.head.project(
        np.array([(-wide - 0.05, 0.5, -0.4), (wide + 0.05, 0.5, -0.4)], dtype=float)
    )
    foot = _below(portrait, [(wide, 0.3), (0.8 * wide, 0.45 + 0.25 * low), (0.0, low)])
    other = _below(portrait, [(-0.8 * wide, 0.45 + 0.25 * low), (-wide, 0.3)])
    column = smooth(np.concatenate([jaw[:1], jaw[1:], foot, other]), 60)
    portrait.canvas.fill(column, skin * 0.93, label=0, texture=shade)
    chin = hull(portrait.head.shell(np.linspace(0.7, 1.5, 6), 80.0))
    drop = (0.0, 0.22 * portrait.unit)
    portrait.canvas.tint(chin, 0.62, 0.10 * portrait.unit, inside=column, shift=drop)


def _paint_clothes(portrait: Portrait, torso: Points, shade: Field) -> None:
    """Paint cloth with folds and sometimes stripes."""
    canvas, rng = portrait.canvas, portrait.rng
    cloth = portrait.lit(rgb(*portrait.factors.scene.clothes_rgb))
    weave = 1 + 0.10 * materials.clouds(rng, canvas.side, 5, 3)
    if rng.uniform() < 0.3:
        step = canvas.side * rng.uniform(0.03, 0.09)
        rows = np.arange(canvas.side, dtype=np.float32)[:, None]
        weave = weave * (1 + 0.25 * np.sign(np.sin(rows * np.float32(2 * np.pi / step))))
    canvas.fill(torso, cloth, label=0, texture=(shade * weave).astype(np.float32))


def _paint_collar(portrait: Portrait, shade: Field) -> None:
    """Paint the two wings of a shirt's collar, or the rim of a hood."""
    cloth = portrait.lit(rgb(*portrait.factors.scene.clothes_rgb))
    hood = portrait.factors.scene.clothes == "hood"
    outer = 1.0 if hood else 0.72
    for side in (-1, 1):
        wing = [(side * 0.52, 0.2), (side * outer, 0.4), (side * 0.45, 1.0), (side * 0.03, 0.8)]
        outline = _below(portrait, wing)
        portrait.canvas.tint(outline, 0.6, 0.05 * portrait.unit, shift=(0, 0.05 * portrait.unit))
        portrait.canvas.fill(outline, cloth * (0.85 if hood else 1.12), label=0, texture=shade)
