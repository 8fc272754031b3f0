"""Things held before a face: a telephone, a cup, a microphone, a book, a leaf."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.colours import Colour, mix, rgb
from faceseg.data.drawn.geometry import Points, ellipse, ribbon, smooth, turn, wobble
from faceseg.data.drawn.hand import BACKGROUND, held_at
from faceseg.data.drawn.sitting import Sitting

Box = list[tuple[float, float]]


def paint_object(sitting: Sitting) -> None:
    """Paint one thing, with its shadow on the face."""
    spot, lean = held_at(sitting)
    scale = sitting.factors.scene.occluder_size * sitting.unit

    def cells(points: Box | Points) -> Points:
        return np.asarray(points) @ turn(lean).T * scale + spot

    things: tuple[Callable[[Paint], None], ...] = (_telephone, _cup, _microphone, _book, _leaf)
    colour = sitting.lit(rgb(*sitting.factors.scene.occluder_rgb))
    shade = (0.4 + 0.6 * sitting.light).astype(np.float32)
    things[int(sitting.rng.integers(len(things)))](Paint(sitting, cells, colour, shade))


@dataclass(frozen=True, eq=False)
class Paint:
    """A brush in the frame of the thing held: 1 = half the face's width, y down."""

    sitting: Sitting
    cells: Callable[[Box | Points], Points]  # from that frame to the canvas
    colour: Colour
    shade: Field

    def body(self, outline: Points, colour: Colour) -> None:
        """Paint a part that hides the face, and its shadow."""
        unit = self.sitting.unit
        drop = (0.04 * unit, 0.06 * unit)
        self.sitting.canvas.tint(outline, 0.72, 0.06 * unit, shift=drop)
        self.sitting.canvas.fill(outline, colour, label=BACKGROUND, texture=self.shade)

    def mark(self, outline: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Paint a detail on a part that is there already."""
        self.sitting.canvas.fill(outline, colour, opacity=opacity, texture=self.shade)


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _telephone(paint: Paint) -> None:
    case = mix(paint.colour * 0.4, rgb(20, 20, 22), 0.5)
    paint.body(paint.cells(_box(-0.3, -0.6, 0.3, 0.6)), case)
    paint.mark(paint.cells(_box(-0.26, -0.55, 0.26, 0.55)), case * 1.5)
    lens = paint.cells([(-0.16, -0.44)])[0]
    radius = 0.07 * paint.sitting.unit
    paint.mark(ellipse(lens, (radius, radius)), rgb(10, 10, 14))


def _cup(paint: Paint) -> None:
    paint.body(
        paint.cells([(-0.36, -0.35), (0.36, -0.35), (0.27, 0.6), (-0.27, 0.6)]), paint.colour
    )
    paint.mark(paint.cells(_box(-0.38, -0.42, 0.38, -0.31)), paint.colour * 0.75)
    paint.mark(paint.cells(_box(-0.33, -0.05, 0.33, 0.22)), paint.colour * 0.5 + 110, 0.8)


def _microphone(paint: Paint) -> None:
    paint.body(paint.cells([(-0.1, 0.1), (0.1, 0.1), (0.08, 5.0), (-0.08, 5.0)]), rgb(28, 28, 30))
    middle, radius = paint.cells([(0.0, 0.0)])[0], 0.25 * paint.sitting.unit
    paint.body(ellipse(middle, (radius, radius * 1.1)), mix(paint.colour, rgb(60, 60, 64), 0.7))
    paint.mark(ellipse(middle - 0.3 * radius, (0.4 * radius,) * 2), rgb(190, 190, 195), 0.4)


def _book(paint: Paint) -> None:
    paint.body(paint.cells(_box(-0.62, -0.3, 0.62, 1.3)), paint.colour)
    paint.mark(paint.cells(_box(-0.03, -0.3, 0.03, 1.3)), paint.colour * 0.55)
    for y in (0.0, 0.2, 0.34):
        paint.mark(paint.cells(_box(0.12, y, 0.5, y + 0.07)), paint.colour * 0.4 + 130)


def _leaf(paint: Paint) -> None:
    shape = smooth(
        np.array([(0, -0.6), (0.3, -0.1), (0.2, 0.45), (0, 0.65), (-0.2, 0.45), (-0.3, -0.1)]), 50
    )
    leaf = mix(paint.colour, rgb(80, 120, 50), 0.5)
    paint.body(wobble(paint.cells(shape), paint.sitting.rng, 0.06, 9), leaf)
    vein = paint.cells([(0.0, -0.5), (0.0, 0.0), (0.0, 0.9)])
    paint.mark(ribbon(vein, 0.05 * paint.sitting.unit), leaf * 0.7)
