"""The skin of the head: face, ears and scalp, with folds, freckles and beard."""

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.fringe import TEMPLE, hairline_reach
from faceseg.data.drawn.geometry import CHIN, Points, ellipse, hull, ribbon, smooth
from faceseg.data.drawn.materials import Field, mix, rgb
from faceseg.data.drawn.portrait import Portrait

SKIN = 1
EAR = ((0.95, -0.12, 0.0), (1.05, -0.22, -0.2), (1.14, -0.12, -0.3), (1.13, 0.12, -0.28))
LOBE = ((1.06, 0.3, -0.18), (1.0, 0.44, -0.1), (0.95, 0.38, 0.0))


def skin_texture(portrait: Portrait) -> Field:
    """Return the texture (S, S) of the skin: its unevenness times the light."""
    rng, side = portrait.rng, portrait.canvas.side
    age = portrait.factors.person.age
    uneven = 0.025 * materials.clouds(rng, side, 8, 3)
    pores = (0.012 + 0.02 * age) * materials.grain(rng, side)
    return (portrait.light * (1 + uneven + pores)).astype(np.float32)


def paint_ears(portrait: Portrait, texture: Field) -> None:
    """Paint both ears. The head is painted later and hides the parts behind it."""
    skin = portrait.lit(portrait.skin * rgb(1.0, 0.92, 0.9))
    for side in (-1, 1):
        points = np.array([*EAR, *LOBE]) * [side, 1, 1]
        outline = smooth(portrait.head.project(points), 40)
        portrait.canvas.fill(outline, skin, label=SKIN, texture=texture)
        inner = outline.mean(axis=0) + (outline - outline.mean(axis=0)) * 0.55
        portrait.canvas.tint(inner, 0.72, 0.05 * portrait.unit, inside=outline)


def face_outline(portrait: Portrait) -> Points:
    """Return the outline of the face from hairline to chin; of the whole head if it is bald."""
    head, hair = portrait.head, portrait.factors.hair
    if hair.hair_style == "bald":
        return hull(
            np.concatenate(
                [head.shell(np.linspace(-1.61, 0.3, 12), 180.0), _jaw_shell(portrait, 0.3)]
            )
        )
    levels = np.linspace(-hair.hairline, TEMPLE, 8)

    brow = head.shell(levels, hairline_reach(levels, hair.hairline))
    return hull(np.concatenate([brow, _jaw_shell(portrait, TEMPLE)]))


def _jaw_shell(portrait: Portrait, top: float) -> Points:
    return portrait.head.shell(CHIN + (top - CHIN) * np.linspace(1, 0, 18) ** 1.7, 95.0)


def paint_skin(portrait: Portrait, outline: Points, texture: Field) -> None:
    """Paint the face's skin up to the hairline, with blush, folds, spots and beard."""
    canvas, person = portrait.canvas, portrait.factors.person
    canvas.fill(outline, portrait.lit(portrait.skin), label=SKIN, texture=texture)
    _paint_blush(portrait, outline)
    _paint_folds(portrait, outline)
    for _ in range(int(26 * person.freckles) + int(2 * person.age)):
        spot = portrait.on_face(portrait.rng.normal(size=(1, 2)) * [0.4, 0.22] + [0, 0.25])[0]
        canvas.tint(ellipse(spot, (0.03 * portrait.unit,) * 2), 0.78, 0, inside=outline)
    if person.beard != "none":
        _paint_beard(portrait, outline)


def _paint_blush(portrait: Portrait, outline: Points) -> None:
    """Redden cheeks and the tip of the nose, more with make-up."""
    strength = 0.05 + 0.16 * portrait.factors.person.makeup
    red = 1 + strength * rgb(0.5, -1.0, -0.7)
    for x, y, wide in ((-0.55, 0.42, 0.26), (0.55, 0.42, 0.26), (0.0, 0.5, 0.18)):
        spot = ellipse(portrait.on_face([(x, y)])[0], (wide * portrait.unit, 0.2 * portrait.unit))
        portrait.canvas.tint(spot, red, 0.10 * portrait.unit, inside=outline)


def _paint_folds(portrait: Portrait, outline: Points) -> None:
    """Paint folds from nose to mouth, lines on the forehead, and bags under the eyes."""
    age, smile = portrait.factors.person.age, max(0.0, portrait.factors.expression.smile)
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
            stroke = ribbon(smooth(portrait.on_face(path), 16, closed=False), width * portrait.unit)
            portrait.canvas.tint(stroke, 1 - strength * 1.4, 0.02 * portrait.unit, inside=outline)


def _paint_beard(portrait: Portrait, outline: Points) -> None:
    """Paint stubble, a moustache or a full beard; it is labelled skin, as in LaPa."""
    kind, rng, side = portrait.factors.person.beard, portrait.rng, portrait.canvas.side
    colour = mix(rgb(*portrait.factors.hair.hair_rgb) * 0.8, portrait.skin * 0.5, 0.25)
    bristle = (portrait.light * (1 + 0.22 * materials.grain(rng, side, 150))).astype(np.float32)
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
        area = smooth(portrait.on_face(whole), 60)
        edge = 0.07 * portrait.unit if kind == "stubble" else 0.035 * portrait.unit
        patch = portrait.lit(colour.astype(np.float32))
        portrait.canvas.fill(
            area, patch, opacity=opacity, softness=edge, texture=bristle, inside=outline
        )
