"""What every painter needs: the canvas, the head, the factors, the light, the chance."""

from dataclasses import dataclass

import numpy as np

from faceseg.data.drawn.canvas import Canvas, Field
from faceseg.data.drawn.colours import Colour, skin_colour
from faceseg.data.drawn.factors import Factors
from faceseg.data.drawn.geometry import Head, Points, pose_head
from faceseg.data.drawn.light import light_colour, light_field


@dataclass(frozen=True, eq=False)
class Sitting:
    """One face being painted. `rng` gives the details that are no factor."""

    canvas: Canvas
    head: Head
    factors: Factors
    light: Field
    skin: Colour
    rng: np.random.Generator

    def on_face(self, points: list[tuple[float, float]] | Points, lift: float = 0.0) -> Points:
        """Return the canvas outline of points on the face."""
        return self.head.place(points, lift)

    def lit(self, colour: Colour) -> Colour:
        """Return the colour as it looks under this light's hue."""
        return colour * light_colour(self.factors.light)

    @property
    def unit(self) -> float:
        """Half the width of the face in cells."""
        return self.head.unit


def sit(factors: Factors, size: int, rng: np.random.Generator) -> Sitting:
    """Return a sitting on an empty canvas for a picture of `size` pixels a side."""
    canvas = Canvas(size)
    head = pose_head(factors, canvas.side)
    return Sitting(
        canvas=canvas,
        head=head,
        factors=factors,
        light=light_field(head, factors.light, canvas.side),
        skin=skin_colour(factors.person),
        rng=rng,
    )
