"""A portrait, the input of every painter: canvas, head, factors, light, skin and random stream."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.canvas import Canvas
from faceseg.data.drawn.factors import Factors, Light
from faceseg.data.drawn.geometry import Head, Points, pose_head, rotation_matrix
from faceseg.data.drawn.materials import Colour, Field, enlarge, rgb, skin_colour

GRID = 48  # cells a side of the coarse grid

# The head is lit as an ellipsoid (Lambert). The relief of the face is added on a coarse grid,
# which is then enlarged: eye sockets are darker, cheeks and chin brighter.
RELIEF = (  # x, y on the face, extent across and down, gain of the light
    (-0.45, -0.10, 0.24, 0.13, -0.20),
    (0.45, -0.10, 0.24, 0.13, -0.20),
    (-0.52, 0.38, 0.26, 0.20, 0.09),
    (0.52, 0.38, 0.26, 0.20, 0.09),
    (-0.68, 0.85, 0.16, 0.30, -0.10),
    (0.68, 0.85, 0.16, 0.30, -0.10),
    (0.0, 1.19, 0.22, 0.06, -0.16),
    (0.0, 1.36, 0.20, 0.10, 0.08),
    (0.0, 0.74, 0.07, 0.08, -0.07),
    (0.0, -0.72, 0.50, 0.28, 0.07),
    (0.0, -0.25, 0.12, 0.12, 0.05),
)


def light_direction(light: Light) -> NDArray[np.float64]:
    """Return the unit vector towards the light (x right, y down, z to the viewer)."""
    azimuth, elevation = np.deg2rad([light.light_azimuth, light.light_elevation])
    flat = np.cos(elevation)
    return np.array([np.sin(azimuth) * flat, -np.sin(elevation), np.cos(azimuth) * flat])


def light_colour(light: Light) -> Colour:
    """Return the light's colour as gains of red, green and blue."""
    return 1 + np.float32(0.09 * light.light_warmth) * rgb(1.0, 0.15, -1.1)


def light_field(head: Head, light: Light, side: int) -> Field:
    """Return the gain of the light on every cell, (side, side), about 1 in the middle."""
    place = (np.arange(GRID) + 0.5) * side / GRID
    across, down = np.meshgrid(place, place)
    middle = head.project(np.array([[0.0, 0.1, 0.1]]))[0]
    offset = np.stack([across - middle[0], down - middle[1]], axis=-1) / head.unit
    upright = offset @ rotation_matrix(head.roll)
    across, down = upright[..., 0] / 1.12, upright[..., 1] / (1.6 * head.length)
    radius = np.sqrt(across**2 + down**2)
    shrink = 1 / np.maximum(radius, 1)
    towards = np.sqrt(np.clip(1 - radius**2, 0, 1))
    x, y, z = light_direction(light)
    x, y = np.array([x, y]) @ rotation_matrix(head.roll)
    lit = np.clip((across * x + down * y) * shrink * 0.92 + towards * z + 0.12, 0, None)
    contrast = light.light_contrast
    gain = 1.03 - contrast + 1.06 * contrast * lit
    return enlarge((gain * _relief(head, offset)).astype(np.float32), side)


def _relief(head: Head, offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain of the face's relief on the coarse grid.

    `offset` (GRID, GRID, 2) are the offsets of its cells from the middle of the face.
    """
    middle = head.project(np.array([[0.0, 0.1, 0.1]]))[0]
    gain = np.ones(offset.shape[:2])
    spots = np.array(RELIEF)
    places = (head.place(spots[:, :2]) - middle) / head.unit
    for (x, y), (_, _, wide, high, strength) in zip(places, spots, strict=True):
        upright = (offset - [x, y]) @ rotation_matrix(head.roll)
        distance = (upright[..., 0] / wide) ** 2 + (upright[..., 1] / high) ** 2
        gain += strength * np.exp(-0.5 * distance)
    return gain


@dataclass(frozen=True, eq=False, kw_only=True)
class Portrait:
    """One face that is being painted.

    Attributes:
        canvas: The canvas to paint on.
        head: The posed head.
        factors: The factors of variation.
        light: The gain of the light on every cell, (S, S).
        skin: The skin's colour under white light.
        rng: The random stream for details that are not factors.
    """

    canvas: Canvas
    head: Head
    factors: Factors
    light: Field
    skin: Colour
    rng: np.random.Generator

    def on_face(self, points: list[tuple[float, float]] | Points, lift: float = 0.0) -> Points:
        """Return the canvas cells (N, 2) of points (N, 2) on the face."""
        return self.head.place(points, lift)

    def lit(self, colour: Colour) -> Colour:
        """Return the colour under the hue of the light."""
        return colour * light_colour(self.factors.light)

    @property
    def unit(self) -> float:
        """Half the width of the face in cells."""
        return self.head.unit


def blank_portrait(factors: Factors, size: int, rng: np.random.Generator) -> Portrait:
    """Return a portrait with an empty canvas for a picture of `size` pixels a side."""
    canvas = Canvas(size)
    head = pose_head(factors, canvas.side)
    return Portrait(
        canvas=canvas,
        head=head,
        factors=factors,
        light=light_field(head, factors.light, canvas.side),
        skin=skin_colour(factors.person),
        rng=rng,
    )
