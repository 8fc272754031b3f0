"""The hair of the head, from back to front: behind the neck, on the skull, beside the face."""

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.geometry import CROWN, Points, hull, ribbon, rotation_matrix, smooth, wobble
from faceseg.data.drawn.materials import Colour, Field, mix, rgb
from faceseg.data.drawn.portrait import Portrait

HAIR = 10
FALLING = ("bob", "long")
HANGS_FROM = 0.4  # below this height hair hangs down and no longer rolls with the head


def hair_texture(portrait: Portrait) -> Field:
    """Return the texture (S, S) of this hair: its strands or curls times the light."""
    hair, rng, side = portrait.factors.hair, portrait.rng, portrait.canvas.side
    crown = portrait.head.project(np.array([[0.35 * hair.parting, CROWN - 0.12, 0.0]]))[0]
    if hair.hair_style in ("curly", "buzz"):
        pattern = materials.curls(rng, side, 72 if hair.hair_style == "curly" else 120)
    else:
        pattern = materials.strands(rng, side, crown, portrait.unit, hair.hair_wave)
    bright = 1 + 0.24 * pattern
    texture: Field = np.clip(bright, 0.35, 1.9) * (0.2 + 0.8 * portrait.light)
    return texture.astype(np.float32)


def hair_colour(portrait: Portrait) -> Colour:
    """Return the hair's colour in this light; through a buzz cut the skin is visible."""
    colour = rgb(*portrait.factors.hair.hair_rgb)
    if portrait.factors.hair.hair_style == "buzz":
        colour = mix(colour, portrait.skin, 0.3)
    return portrait.lit(colour)


def _fill(portrait: Portrait, outline: Points, texture: Field, gain: float = 1.0) -> None:
    portrait.canvas.fill(
        outline,
        hair_colour(portrait) * np.float32(gain),
        label=HAIR,
        softness=0.012 * portrait.unit,
        texture=texture,
    )


def _hang(portrait: Portrait, points: list[tuple[float, float, float]]) -> Points:
    """Return the cells of points that move with the head above `HANGS_FROM` and hang below it."""
    table = np.array(points)
    fixed = table.copy()
    fixed[:, 1] = np.minimum(table[:, 1], HANGS_FROM)
    drop = np.maximum(table[:, 1] - HANGS_FROM, 0)[:, None]
    fall = np.array([0.0, 1.0]) @ rotation_matrix(0.35 * portrait.head.roll).T
    return portrait.head.project(fixed) + drop * fall * portrait.unit


def paint_back_hair(portrait: Portrait, texture: Field) -> None:
    """Paint the hair behind the head: long hair, a bun, or the mass of an afro."""
    hair, rng = portrait.factors.hair, portrait.rng
    volume = hair.hair_volume
    if hair.hair_style == "curly":
        mass = hull(portrait.head.shell(np.linspace(-1.6, 0.35, 9), 180.0, 0.12 + 1.5 * volume))
        _fill(portrait, wobble(mass, rng, 0.03, 22), texture, 0.85)
    elif hair.hair_style == "tied":
        spot = portrait.head.project(np.array([[0.0, CROWN + 0.05, -0.35]]))[0]
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        knot = spot + np.stack([0.42 * np.cos(angle), 0.36 * np.sin(angle)], 1) * portrait.unit
        _fill(portrait, wobble(knot, rng, 0.04, 7), texture, 0.9)
    elif hair.hair_style in FALLING:
        low, flare = hair.hair_length, float(rng.uniform(-0.1, 0.22))
        right = [
            (0.85 + volume, -0.9, -0.3),
            (1.02 + volume, -0.1, -0.4),
            (1.05 + volume + 0.5 * flare, 0.45 * low, -0.45),
            (0.98 + volume + flare, 0.8 * low, -0.45),
            (0.7 + volume, low, -0.45),
        ]
        left = [(-x, y, z) for x, y, z in reversed(right)]
        outline = smooth(_hang(portrait, [*right, (0.0, low + 0.08, -0.5), *left]), 90)
        _fill(portrait, wobble(outline, rng, 0.012 + 0.03 * hair.hair_wave, 12), texture, 0.72)


def paint_cap(portrait: Portrait, texture: Field) -> None:
    """Paint the hair on the skull; the face is painted over it up to the hairline."""
    hair, style = portrait.factors.hair, portrait.factors.hair.hair_style
    volume = {"buzz": 0.015, "tied": 0.07, "curly": 0.10 + hair.hair_volume}.get(
        style, hair.hair_volume
    )
    sides = {"buzz": 0.01, "short": 0.05, "tied": 0.03}.get(style, 0.8 * volume)
    top = portrait.head.shell(np.linspace(CROWN, -0.7, 7), 180.0, volume)
    side = portrait.head.shell(np.linspace(-0.6, 0.2, 5), 180.0, sides)
    outline = hull(np.concatenate([top, side]))
    rough = {"buzz": 0.0, "curly": 0.03, "tied": 0.006}.get(style, 0.012 + 0.02 * hair.hair_wave)
    waves = 20 if style == "curly" else 9
    _fill(portrait, wobble(outline, portrait.rng, rough, waves), texture)


def paint_locks(portrait: Portrait, texture: Field, near: bool) -> None:
    """Paint the hair beside the face, in front of ears and shoulders.

    On a turned head the lock on the far side (`near` False) must be painted before the face,
    the other one after it.
    """
    hair, rng = portrait.factors.hair, portrait.rng
    turned = float(np.sin(portrait.head.yaw))
    for side in (-1, 1):
        tuck, volume = float(rng.uniform(0.78, 1.04)), hair.hair_volume
        flow = rng.normal(size=4) * 0.05 * (0.4 + hair.hair_wave)
        far = side * turned > 0.2
        if hair.hair_style not in FALLING or near is far:
            continue
        low, back = hair.hair_length * float(0.75 + 0.2 * abs(flow[0])), -0.25 if far else 0.05
        shape = [
            (0.45, -1.2, 0.35),
            (0.8 + 0.5 * volume, -1.0, 0.1),
            (1.04 + volume, -0.1, back - 0.1),
            (1.06 + volume + flow[0], 0.5 * low, back - 0.1),
            (0.95 + volume + flow[1], low, back),
            (0.9 * tuck + flow[2], 0.9 * low, back + 0.1),
            (0.98 * tuck + flow[3], 0.45, back + 0.1),
            (0.96 * tuck, -0.3, back + 0.25),
            (0.72, -0.85, 0.45),
        ]
        outline = smooth(_hang(portrait, [(side * x, y, z) for x, y, z in shape]), 60)
        portrait.canvas.tint(outline, 0.7, 0.05 * portrait.unit)
        _fill(portrait, outline, texture)


def paint_strands(portrait: Portrait, texture: Field) -> None:
    """Paint single strands of hair across the face."""
    rng, unit = portrait.rng, portrait.unit
    if portrait.factors.hair.hair_style in ("bald", "buzz", "curly"):
        return
    for _ in range(portrait.factors.hair.loose_strands):
        x, low, drift = rng.uniform(-0.85, 0.85), rng.uniform(-0.4, 0.7), rng.normal() * 0.16
        path = [(0.8 * x, -1.2), (x - 0.5 * drift, -0.75), (x, 0.6 * low - 0.3), (x + drift, low)]
        line = smooth(portrait.on_face(path, lift=0.08), 24, closed=False)
        taper = rng.uniform(0.035, 0.07) * unit * np.linspace(1.0, 0.4, 24)
        _fill(portrait, ribbon(line, taper), texture)
