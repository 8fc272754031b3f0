"""The skin of the head: face, ears, scalp; what time and razors leave on it."""

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.fringe import TEMPLE, hairline_reach
from faceseg.data.drawn.geometry import CHIN, Points, ellipse, hull, ribbon, smooth
from faceseg.data.drawn.materials import mix, rgb
from faceseg.data.drawn.portrait import Portrait

SKIN = 1
EAR = ((0.95, -0.12, 0.0), (1.05, -0.22, -0.2), (1.14, -0.12, -0.3), (1.13, 0.12, -0.28))
LOBE = ((1.06, 0.3, -0.18), (1.0, 0.44, -0.1), (0.95, 0.38, 0.0))


def skin_texture(sitting: Portrait) -> Field:
    """Return light times the unevenness of skin, shape (S, S)."""
    rng, side = sitting.rng, sitting.canvas.side
    age = sitting.factors.person.age
    uneven = 0.025 * materials.clouds(rng, side, 8, 3)
    pores = (0.012 + 0.02 * age) * materials.grain(rng, side)
    return (sitting.light * (1 + uneven + pores)).astype(np.float32)


def paint_ears(sitting: Portrait, texture: Field) -> None:
    """Paint both ears; the head, painted later, hides what of them lies behind it."""
    skin = sitting.lit(sitting.skin * rgb(1.0, 0.92, 0.9))
    for side in (-1, 1):
        points = np.array([*EAR, *LOBE]) * [side, 1, 1]
        outline = smooth(sitting.head.project(points), 40)
        sitting.canvas.fill(outline, skin, label=SKIN, texture=texture)
        inner = outline.mean(axis=0) + (outline - outline.mean(axis=0)) * 0.55
        sitting.canvas.tint(inner, 0.72, 0.05 * sitting.unit, inside=outline)


def face_outline(sitting: Portrait) -> Points:
    """Return the outline of the face from hairline to chin, ear to ear; bald: of the head."""
    head, hair = sitting.head, sitting.factors.hair
    if hair.hair_style == "bald":
        return hull(
            np.concatenate(
                [head.shell(np.linspace(-1.61, 0.3, 12), 180.0), _jaw_shell(sitting, 0.3)]
            )
        )
    levels = np.linspace(-hair.hairline, TEMPLE, 8)

    brow = head.shell(levels, hairline_reach(levels, hair.hairline))
    return hull(np.concatenate([brow, _jaw_shell(sitting, TEMPLE)]))


def _jaw_shell(sitting: Portrait, top: float) -> Points:
    return sitting.head.shell(CHIN + (top - CHIN) * np.linspace(1, 0, 18) ** 1.7, 95.0)


def paint_skin(sitting: Portrait, outline: Points, texture: Field) -> None:
    """Paint the face's skin with blush, folds and spots, up to the hairline."""
    canvas, person = sitting.canvas, sitting.factors.person
    canvas.fill(outline, sitting.lit(sitting.skin), label=SKIN, texture=texture)
    _paint_blush(sitting, outline)
    _paint_folds(sitting, outline)
    for _ in range(int(26 * person.freckles) + int(2 * person.age)):
        spot = sitting.on_face(sitting.rng.normal(size=(1, 2)) * [0.4, 0.22] + [0, 0.25])[0]
        canvas.tint(ellipse(spot, (0.03 * sitting.unit,) * 2), 0.78, 0, inside=outline)
    if person.beard != "none":
        _paint_beard(sitting, outline)


def _paint_blush(sitting: Portrait, outline: Points) -> None:
    """Redden cheeks and the tip of the nose; more under make-up."""
    strength = 0.05 + 0.16 * sitting.factors.person.makeup
    red = 1 + strength * rgb(0.5, -1.0, -0.7)
    for x, y, wide in ((-0.55, 0.42, 0.26), (0.55, 0.42, 0.26), (0.0, 0.5, 0.18)):
        spot = ellipse(sitting.on_face([(x, y)])[0], (wide * sitting.unit, 0.2 * sitting.unit))
        sitting.canvas.tint(spot, red, 0.10 * sitting.unit, inside=outline)


def _paint_folds(sitting: Portrait, outline: Points) -> None:
    """Folds from nose to mouth, lines of the forehead, bags under the eyes."""
    age, smile = sitting.factors.person.age, max(0.0, sitting.factors.expression.smile)
    lines = []
    for side in (-1, 1):
        fold = [(side * 0.3, 0.5), (side * 0.44, 0.72), (side * 0.5, 0.95)]
        lines.append((fold, 0.05, 0.02 + 0.13 * age + 0.08 * smile))
        bag = [(side * 0.26, 0.14), (side * 0.44, 0.2), (side * 0.62, 0.13)]
        lines.append((bag, 0.045, 0.02 + 0.12 * age))
    for y in (-0.62, -0.78):
        lines.append(([(-0.45, y), (0.0, y - 0.06), (0.45, y)], 0.035, 0.16 * max(0.0, age - 0.4)))
    for path, width, strength in lines:
        if strength > 0.04:
            stroke = ribbon(smooth(sitting.on_face(path), 16, closed=False), width * sitting.unit)
            sitting.canvas.tint(stroke, 1 - strength * 1.4, 0.02 * sitting.unit, inside=outline)


def _paint_beard(sitting: Portrait, outline: Points) -> None:
    """Stubble, moustache or full beard: it stays skin, as in LaPa."""
    kind, rng, side = sitting.factors.person.beard, sitting.rng, sitting.canvas.side
    colour = mix(rgb(*sitting.factors.hair.hair_rgb) * 0.8, sitting.skin * 0.5, 0.25)
    bristle = (sitting.light * (1 + 0.22 * materials.grain(rng, side, 150))).astype(np.float32)
    opacity = {"stubble": 0.32, "moustache": 0.85, "full": 0.88}[kind]
    lip = [(0.0, 0.72), (0.24, 0.76), (0.5, 1.0), (0.44, 1.06), (0.0, 0.9)]
    areas = [lip]
    if kind != "moustache":
        drop = 0.16 if kind == "full" else 0.02
        areas.append(
            [
                (0.0, 1.14),
                (0.44, 1.05),
                (0.62, 0.72),
                (0.9, 0.35),
                (1.0, 0.0),
                (1.0, 0.4),
                (0.86, 0.95),
                (0.5, 1.36 + drop / 2),
                (0.0, 1.5),
            ]
        )
    for half in areas:
        whole = [*half, *[(-x, y) for x, y in reversed(half[1:-1])]]
        area = smooth(sitting.on_face(whole), 60)
        edge = 0.07 * sitting.unit if kind == "stubble" else 0.035 * sitting.unit
        patch = sitting.lit(colour.astype(np.float32))
        sitting.canvas.fill(
            area, patch, opacity=opacity, softness=edge, texture=bristle, inside=outline
        )
