"""A hand before the face, of the same skin: the hard case among occluders."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.geometry import (
    Points,
    capsule,
    ellipse,
    ribbon,
    rotation_matrix,
    smooth,
    wobble,
)
from faceseg.data.drawn.materials import Colour, mix, rgb
from faceseg.data.drawn.portrait import Portrait

BACKGROUND = 0
PLACES = {  # where on the face the fingers lie
    "chin": (0.22, 1.3),
    "cheek": (0.72, 0.72),
    "mouth": (0.1, 0.92),
    "eye": (0.46, 0.0),
    "brow": (0.4, -0.7),
}


def handheld_position(sitting: Portrait) -> tuple[Points, float]:
    """Return where, in cells, something is held before the face, and its turn in radians."""
    scene = sitting.factors.scene
    side = 1 if sitting.rng.uniform() < 0.5 else -1
    x, y = PLACES[scene.occluder_place]
    jitter = sitting.rng.normal(size=2) * 0.08
    spot = sitting.on_face(np.array([[side * x, y]]) + jitter, lift=0.15)[0]
    lean = -side * abs(np.deg2rad(scene.occluder_angle)) + 0.5 * sitting.head.roll
    return spot, float(lean)


def paint_hand(sitting: Portrait) -> None:
    """Paint forearm, palm, thumb and four fingers, whose tips lie on the face."""
    rng, unit = sitting.rng, sitting.unit
    spot, lean = handheld_position(sitting)
    scale = 0.92 * sitting.factors.scene.occluder_size * unit
    mirror = float(rng.choice([-1, 1]))

    def cells(points: list[tuple[float, float]]) -> Points:
        flat = np.array(points) * [mirror, 1.0]
        return flat @ rotation_matrix(lean).T * scale + spot

    skin = sitting.lit(np.clip(sitting.skin * float(rng.uniform(0.92, 1.06)), 0, 255))
    texture = (0.25 + 0.75 * sitting.light).astype(np.float32)
    palm = [(-0.36, 0.3), (0.34, 0.22), (0.40, 0.6), (0.27, 1.05), (-0.25, 1.05), (-0.42, 0.7)]
    arm = cells([(-0.25, 0.95), (0.27, 0.95), (0.36, 1.5), (0.45, 6.0), (-0.43, 6.0), (-0.34, 1.5)])
    sleeve = cells([(-0.42, 1.55), (0.44, 1.55), (0.6, 6.0), (-0.6, 6.0)])
    shadow = smooth(cells([(-0.4, -0.35), (0.42, -0.35), (0.46, 1.0), (-0.46, 1.0)]), 30)
    sitting.canvas.tint(shadow, 0.66, 0.1 * unit, shift=(0, 0.1 * unit))
    sitting.canvas.fill(arm, skin * 0.95, label=BACKGROUND, texture=texture)
    cloth = sitting.lit(rgb(*sitting.factors.scene.clothes_rgb))
    sitting.canvas.fill(sleeve, cloth, label=BACKGROUND, texture=texture)
    _paint_finger(sitting, cells([(-0.3, 0.72), (-0.52, 0.22)]), 0.105 * scale, skin, texture)
    sitting.canvas.fill(smooth(cells(palm), 40), skin, label=BACKGROUND, texture=texture)
    spread = float(rng.uniform(0.85, 1.25))
    for x, tip in ((-0.27, -0.28), (-0.09, -0.45), (0.09, -0.42), (0.27, -0.22)):
        ends = cells([(x, 0.38), (x * spread, tip + 0.04 * float(rng.normal()))])
        _paint_finger(sitting, ends, 0.092 * scale, skin, texture)


def _paint_finger(
    sitting: Portrait, ends: Points, radius: float, skin: Colour, texture: Field
) -> None:
    """A finger from its root to its tip: darker at its edges, with a nail."""
    root, tip = ends
    outline = capsule(root, tip, (radius * 1.05, radius * 0.85))
    sitting.canvas.fill(outline, skin * 0.68, label=BACKGROUND, texture=texture)
    body = capsule(root, tip, (radius * 0.8, radius * 0.62))
    sitting.canvas.fill(body, skin, softness=0.3 * radius, texture=texture, inside=outline)
    along = float(np.arctan2(*(tip - root)[::-1]))
    nail = ellipse(tip, (0.5 * radius, 0.42 * radius), along)
    sitting.canvas.tint(nail, rgb(1.12, 1.06, 1.06), 0.08 * radius)
    for share in (0.35, 0.65):
        knuckle = ellipse(root + (tip - root) * share, (0.08 * radius, 0.6 * radius), along)
        sitting.canvas.tint(knuckle, 0.84, 0.1 * radius, inside=outline)


# --- Things held before a face: a telephone, a cup, a microphone, a book, a leaf.

Corners = list[tuple[float, float]]


def paint_object(sitting: Portrait) -> None:
    """Paint one thing, with its shadow on the face."""
    spot, lean = handheld_position(sitting)
    scale = sitting.factors.scene.occluder_size * sitting.unit

    def cells(points: Corners | Points) -> Points:
        return np.asarray(points) @ rotation_matrix(lean).T * scale + spot

    things: tuple[Callable[[ObjectPainter], None], ...] = (
        _telephone,
        _cup,
        _microphone,
        _book,
        _leaf,
    )
    colour = sitting.lit(rgb(*sitting.factors.scene.occluder_rgb))
    shade = (0.4 + 0.6 * sitting.light).astype(np.float32)
    things[int(sitting.rng.integers(len(things)))](ObjectPainter(sitting, cells, colour, shade))


@dataclass(frozen=True, eq=False)
class ObjectPainter:
    """A brush in the frame of the thing held: 1 = half the face's width, y down."""

    sitting: Portrait
    cells: Callable[[Corners | Points], Points]  # from that frame to the canvas
    colour: Colour
    shade: Field

    def paint_part(self, outline: Points, colour: Colour) -> None:
        """Paint a part that hides the face, and its shadow."""
        unit = self.sitting.unit
        drop = (0.04 * unit, 0.06 * unit)
        self.sitting.canvas.tint(outline, 0.72, 0.06 * unit, shift=drop)
        self.sitting.canvas.fill(outline, colour, label=BACKGROUND, texture=self.shade)

    def paint_detail(self, outline: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Paint a detail on a part that is there already."""
        self.sitting.canvas.fill(outline, colour, opacity=opacity, texture=self.shade)


def _box(left: float, top: float, right: float, bottom: float) -> Corners:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _telephone(paint: ObjectPainter) -> None:
    case = mix(paint.colour * 0.4, rgb(20, 20, 22), 0.5)
    paint.paint_part(paint.cells(_box(-0.3, -0.6, 0.3, 0.6)), case)
    paint.paint_detail(paint.cells(_box(-0.26, -0.55, 0.26, 0.55)), case * 1.5)
    lens = paint.cells([(-0.16, -0.44)])[0]
    radius = 0.07 * paint.sitting.unit
    paint.paint_detail(ellipse(lens, (radius, radius)), rgb(10, 10, 14))


def _cup(paint: ObjectPainter) -> None:
    paint.paint_part(
        paint.cells([(-0.36, -0.35), (0.36, -0.35), (0.27, 0.6), (-0.27, 0.6)]), paint.colour
    )
    paint.paint_detail(paint.cells(_box(-0.38, -0.42, 0.38, -0.31)), paint.colour * 0.75)
    paint.paint_detail(paint.cells(_box(-0.33, -0.05, 0.33, 0.22)), paint.colour * 0.5 + 110, 0.8)


def _microphone(paint: ObjectPainter) -> None:
    paint.paint_part(
        paint.cells([(-0.1, 0.1), (0.1, 0.1), (0.08, 5.0), (-0.08, 5.0)]), rgb(28, 28, 30)
    )
    middle, radius = paint.cells([(0.0, 0.0)])[0], 0.25 * paint.sitting.unit
    paint.paint_part(
        ellipse(middle, (radius, radius * 1.1)), mix(paint.colour, rgb(60, 60, 64), 0.7)
    )
    paint.paint_detail(ellipse(middle - 0.3 * radius, (0.4 * radius,) * 2), rgb(190, 190, 195), 0.4)


def _book(paint: ObjectPainter) -> None:
    paint.paint_part(paint.cells(_box(-0.62, -0.3, 0.62, 1.3)), paint.colour)
    paint.paint_detail(paint.cells(_box(-0.03, -0.3, 0.03, 1.3)), paint.colour * 0.55)
    for y in (0.0, 0.2, 0.34):
        paint.paint_detail(paint.cells(_box(0.12, y, 0.5, y + 0.07)), paint.colour * 0.4 + 130)


def _leaf(paint: ObjectPainter) -> None:
    shape = smooth(
        np.array([(0, -0.6), (0.3, -0.1), (0.2, 0.45), (0, 0.65), (-0.2, 0.45), (-0.3, -0.1)]), 50
    )
    leaf = mix(paint.colour, rgb(80, 120, 50), 0.5)
    paint.paint_part(wobble(paint.cells(shape), paint.sitting.rng, 0.06, 9), leaf)
    vein = paint.cells([(0.0, -0.5), (0.0, 0.0), (0.0, 0.9)])
    paint.paint_detail(ribbon(vein, 0.05 * paint.sitting.unit), leaf * 0.7)
