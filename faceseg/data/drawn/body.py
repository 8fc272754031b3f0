"""Neck, shoulders and clothes: all background, as in LaPa."""

from collections.abc import Sequence

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.geometry import Points, hull, rotation_matrix, smooth
from faceseg.data.drawn.materials import Colour, rgb
from faceseg.data.drawn.portrait import Portrait


def paint_body(sitting: Portrait) -> None:
    """Paint neck, shoulders and clothes under the head."""
    shade = (0.55 + 0.45 * sitting.light).astype(np.float32)
    skin = sitting.lit(sitting.skin)
    torso = _torso(sitting)
    if sitting.factors.scene.clothes != "none":
        _paint_clothes(sitting, torso, shade)
    else:
        sitting.canvas.fill(torso, skin * 0.95, label=0, texture=shade)
    _paint_neck(sitting, skin, shade)
    if sitting.factors.scene.clothes in ("collar", "hood"):
        _paint_collar(sitting, shade)


def _below(sitting: Portrait, points: Sequence[tuple[float, float]]) -> Points:
    """Return the cells of points on the body, which tilts a third as much as the head.

    The points are in face units from the foot of the neck, which follows the jaw.
    """
    head = sitting.head
    base = head.project(np.array([[0.0, 1.35, -0.45]]))[0]
    cells: Points = np.asarray(points) @ rotation_matrix(head.roll / 3).T * head.unit + base
    return cells


def _torso(sitting: Portrait) -> Points:
    wide, drop = sitting.rng.uniform(1.75, 2.3), sitting.rng.uniform(0.55, 0.85)
    right = [(0.45, 0.35), (0.75, 0.62), (wide, drop + 0.25), (wide + 0.35, 1.6), (wide + 0.4, 6)]
    left = [(-x, y) for x, y in reversed(right)]
    return smooth(_below(sitting, [*right, *left]), 80)


def _paint_neck(sitting: Portrait, skin: Colour, shade: Field) -> None:
    """A column from the jaw to the collar, in the shadow of the chin."""
    wide = 0.56 + 0.14 * sitting.factors.person.jaw
    dip = {"none": 1.0, "round": 0.75, "neckline": 1.35, "collar": 0.9, "hood": 0.6}
    low = dip[sitting.factors.scene.clothes]
    jaw = sitting.head.project(
        np.array([(-wide - 0.05, 0.5, -0.4), (wide + 0.05, 0.5, -0.4)], dtype=float)
    )
    foot = _below(sitting, [(wide, 0.3), (0.8 * wide, 0.45 + 0.25 * low), (0.0, low)])
    other = _below(sitting, [(-0.8 * wide, 0.45 + 0.25 * low), (-wide, 0.3)])
    column = smooth(np.concatenate([jaw[:1], jaw[1:], foot, other]), 60)
    sitting.canvas.fill(column, skin * 0.93, label=0, texture=shade)
    chin = hull(sitting.head.shell(np.linspace(0.7, 1.5, 6), 80.0))
    drop = (0.0, 0.22 * sitting.unit)
    sitting.canvas.tint(chin, 0.62, 0.10 * sitting.unit, inside=column, shift=drop)


def _paint_clothes(sitting: Portrait, torso: Points, shade: Field) -> None:
    """Cloth with folds and perhaps stripes."""
    canvas, rng = sitting.canvas, sitting.rng
    cloth = sitting.lit(rgb(*sitting.factors.scene.clothes_rgb))
    weave = 1 + 0.10 * materials.clouds(rng, canvas.side, 5, 3)
    if rng.uniform() < 0.3:
        step = canvas.side * rng.uniform(0.03, 0.09)
        rows = np.arange(canvas.side, dtype=np.float32)[:, None]
        weave = weave * (1 + 0.25 * np.sign(np.sin(rows * np.float32(2 * np.pi / step))))
    canvas.fill(torso, cloth, label=0, texture=(shade * weave).astype(np.float32))


def _paint_collar(sitting: Portrait, shade: Field) -> None:
    """The two wings of a shirt's collar, or the rim of a hood."""
    cloth = sitting.lit(rgb(*sitting.factors.scene.clothes_rgb))
    hood = sitting.factors.scene.clothes == "hood"
    outer = 1.0 if hood else 0.72
    for side in (-1, 1):
        wing = [(side * 0.52, 0.2), (side * outer, 0.4), (side * 0.45, 1.0), (side * 0.03, 0.8)]
        outline = _below(sitting, wing)
        sitting.canvas.tint(outline, 0.6, 0.05 * sitting.unit, shift=(0, 0.05 * sitting.unit))
        sitting.canvas.fill(outline, cloth * (0.85 if hood else 1.12), label=0, texture=shade)
