"""Occluders at a hand's position: a hand of the same skin colour, or a hand-held object."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceseg.data.drawn.geometry import (
    Points,
    capsule,
    ellipse,
    ribbon,
    rotation_matrix,
    smooth,
    wobble,
)
from faceseg.data.drawn.materials import Colour, Field, mix, rgb
from faceseg.data.drawn.portrait import Portrait

BACKGROUND = 0
PLACES = {  # position of the fingertips or the object on the face
    "chin": (0.22, 1.3),
    "cheek": (0.72, 0.72),
    "mouth": (0.1, 0.92),
    "eye": (0.46, 0.0),
    "brow": (0.4, -0.7),
}


def handheld_position(portrait: Portrait) -> tuple[Points, float]:
    """Return the position in cells of a hand or an object, and its rotation in radians."""
    scene = portrait.factors.scene
    side = 1 if portrait.rng.uniform() < 0.5 else -1
    x, y = PLACES[scene.occluder_place]
    jitter = portrait.rng.normal(size=2) * 0.08
    spot = portrait.on_face(np.array([[side * x, y]]) + jitter, lift=0.15)[0]
    lean = -side * abs(np.deg2rad(scene.occluder_angle)) + 0.5 * portrait.head.roll
    return spot, float(lean)


def paint_hand(portrait: Portrait) -> None:
    """Paint forearm, palm, thumb and four fingers with their tips on the face."""
    rng, unit = portrait.rng, portrait.unit
    spot, lean = handheld_position(portrait)
    scale = 0.92 * portrait.factors.scene.occluder_size * unit
    mirror = float(rng.choice([-1, 1]))

    def cells(points: list[tuple[float, float]]) -> Points:
        flat = np.array(points) * [mirror, 1.0]
        return flat @ rotation_matrix(lean).T * scale + spot

    skin = portrait.lit(np.clip(portrait.skin * float(rng.uniform(0.92, 1.06)), 0, 255))
    texture = (0.25 + 0.75 * portrait.light).astype(np.float32)
    palm = [(-0.36, 0.3), (0.34, 0.22), (0.40, 0.6), (0.27, 1.05), (-0.25, 1.05), (-0.42, 0.7)]
    arm = cells([(-0.25, 0.95), (0.27, 0.95), (0.36, 1.5), (0.45, 6.0), (-0.43, 6.0), (-0.34, 1.5)])
    sleeve = cells([(-0.42, 1.55), (0.44, 1.55), (0.6, 6.0), (-0.6, 6.0)])
    shadow = smooth(cells([(-0.4, -0.35), (0.42, -0.35), (0.46, 1.0), (-0.46, 1.0)]), 30)
    portrait.canvas.tint(shadow, 0.66, 0.1 * unit, shift=(0, 0.1 * unit))
    portrait.canvas.fill(arm, skin * 0.95, label=BACKGROUND, texture=texture)
    cloth = portrait.lit(rgb(*portrait.factors.scene.clothes_rgb))
    portrait.canvas.fill(sleeve, cloth, label=BACKGROUND, texture=texture)
    _paint_finger(portrait, cells([(-0.3, 0.72), (-0.52, 0.22)]), 0.105 * scale, skin, texture)
    portrait.canvas.fill(smooth(cells(palm), 40), skin, label=BACKGROUND, texture=texture)
    spread = float(rng.uniform(0.85, 1.25))
    for x, tip in ((-0.27, -0.28), (-0.09, -0.45), (0.09, -0.42), (0.27, -0.22)):
        ends = cells([(x, 0.38), (x * spread, tip + 0.04 * float(rng.normal()))])
        _paint_finger(portrait, ends, 0.092 * scale, skin, texture)


def _paint_finger(
    portrait: Portrait, ends: Points, radius: float, skin: Colour, texture: Field
) -> None:
    """Paint a finger from its root to its tip: darker at its edges, with a nail."""
    root, tip = ends
    outline = capsule(root, tip, (radius * 1.05, radius * 0.85))
    portrait.canvas.fill(outline, skin * 0.68, label=BACKGROUND, texture=texture)
    body = capsule(root, tip, (radius * 0.8, radius * 0.62))
    portrait.canvas.fill(body, skin, softness=0.3 * radius, texture=texture, inside=outline)
    along = float(np.arctan2(*(tip - root)[::-1]))
    nail = ellipse(tip, (0.5 * radius, 0.42 * radius), along)
    portrait.canvas.tint(nail, rgb(1.12, 1.06, 1.06), 0.08 * radius)
    for share in (0.35, 0.65):
        knuckle = ellipse(root + (tip - root) * share, (0.08 * radius, 0.6 * radius), along)
        portrait.canvas.tint(knuckle, 0.84, 0.1 * radius, inside=outline)


# --- Hand-held objects: a telephone, a cup, a microphone, a book, a leaf.

Corners = list[tuple[float, float]]


def paint_object(portrait: Portrait) -> None:
    """Paint one object with its shadow on the face."""
    spot, lean = handheld_position(portrait)
    scale = portrait.factors.scene.occluder_size * portrait.unit

    def cells(points: Corners | Points) -> Points:
        return np.asarray(points) @ rotation_matrix(lean).T * scale + spot

    objects: tuple[Callable[[ObjectPainter], None], ...] = (
        _telephone,
        _cup,
        _microphone,
        _book,
        _leaf,
    )
    colour = portrait.lit(rgb(*portrait.factors.scene.occluder_rgb))
    shade = (0.4 + 0.6 * portrait.light).astype(np.float32)
    painter = ObjectPainter(portrait=portrait, cells=cells, colour=colour, shade=shade)
    objects[int(portrait.rng.integers(len(objects)))](painter)


@dataclass(frozen=True, eq=False, kw_only=True)
class ObjectPainter:
    """Paints in the coordinates of a hand-held object: 1 = half the face's width, y down."""

    portrait: Portrait
    cells: Callable[[Corners | Points], Points]  # from these coordinates to the canvas
    colour: Colour
    shade: Field

    def paint_part(self, outline: Points, colour: Colour) -> None:
        """Paint a part that covers the face, and its shadow."""
        unit = self.portrait.unit
        drop = (0.04 * unit, 0.06 * unit)
        self.portrait.canvas.tint(outline, 0.72, 0.06 * unit, shift=drop)
        self.portrait.canvas.fill(outline, colour, label=BACKGROUND, texture=self.shade)

    def paint_detail(self, outline: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Paint a detail on an already painted part."""
        self.portrait.canvas.fill(outline, colour, opacity=opacity, texture=self.shade)


def _box(left: float, top: float, right: float, bottom: float) -> Corners:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _telephone(painter: ObjectPainter) -> None:
    case = mix(painter.colour * 0.4, rgb(20, 20, 22), 0.5)
    painter.paint_part(painter.cells(_box(-0.3, -0.6, 0.3, 0.6)), case)
    painter.paint_detail(painter.cells(_box(-0.26, -0.55, 0.26, 0.55)), case * 1.5)
    lens = painter.cells([(-0.16, -0.44)])[0]
    radius = 0.07 * painter.portrait.unit
    painter.paint_detail(ellipse(lens, (radius, radius)), rgb(10, 10, 14))


def _cup(painter: ObjectPainter) -> None:
    painter.paint_part(
        painter.cells([(-0.36, -0.35), (0.36, -0.35), (0.27, 0.6), (-0.27, 0.6)]), painter.colour
    )
    painter.paint_detail(painter.cells(_box(-0.38, -0.42, 0.38, -0.31)), painter.colour * 0.75)
    painter.paint_detail(
        painter.cells(_box(-0.33, -0.05, 0.33, 0.22)), painter.colour * 0.5 + 110, 0.8
    )


def _microphone(painter: ObjectPainter) -> None:
    painter.paint_part(
        painter.cells([(-0.1, 0.1), (0.1, 0.1), (0.08, 5.0), (-0.08, 5.0)]), rgb(28, 28, 30)
    )
    middle, radius = painter.cells([(0.0, 0.0)])[0], 0.25 * painter.portrait.unit
    painter.paint_part(
        ellipse(middle, (radius, radius * 1.1)), mix(painter.colour, rgb(60, 60, 64), 0.7)
    )
    painter.paint_detail(
        ellipse(middle - 0.3 * radius, (0.4 * radius,) * 2), rgb(190, 190, 195), 0.4
    )


def _book(painter: ObjectPainter) -> None:
    painter.paint_part(painter.cells(_box(-0.62, -0.3, 0.62, 1.3)), painter.colour)
    painter.paint_detail(painter.cells(_box(-0.03, -0.3, 0.03, 1.3)), painter.colour * 0.55)
    for y in (0.0, 0.2, 0.34):
        painter.paint_detail(
            painter.cells(_box(0.12, y, 0.5, y + 0.07)), painter.colour * 0.4 + 130
        )


def _leaf(painter: ObjectPainter) -> None:
    shape = smooth(
        np.array([(0, -0.6), (0.3, -0.1), (0.2, 0.45), (0, 0.65), (-0.2, 0.45), (-0.3, -0.1)]), 50
    )
    leaf = mix(painter.colour, rgb(80, 120, 50), 0.5)
    painter.paint_part(wobble(painter.cells(shape), painter.portrait.rng, 0.06, 9), leaf)
    vein = painter.cells([(0.0, -0.5), (0.0, 0.0), (0.0, 0.9)])
    painter.paint_detail(ribbon(vein, 0.05 * painter.portrait.unit), leaf * 0.7)
