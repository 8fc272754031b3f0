"""The background behind the person: six kinds of place, and sometimes a bystander."""

from collections.abc import Callable

import cv2
import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.canvas import Canvas
from faceseg.data.drawn.factors import Factors
from faceseg.data.drawn.geometry import Points, ellipse
from faceseg.data.drawn.materials import Colour, Field, mix, rgb, skin_colour

COARSE = 96  # cells a side of the backdrop, which is then enlarged: it is out of focus anyway


def paint_backdrop(canvas: Canvas, factors: Factors, rng: np.random.Generator) -> None:
    """Paint the backdrop on the whole canvas; the label of every cell stays background."""
    scene = factors.scene
    place = np.empty((COARSE, COARSE, 3), np.float32)
    first, second, third = (rgb(*colour) for colour in scene.backdrop_colours)
    ramp = np.linspace(0, 1, COARSE, dtype=np.float32)[:, None, None]
    place[:] = first + (second - first) * ramp
    BACKDROP_PAINTERS[scene.backdrop](place, (first, second, third), rng)
    if scene.bystander:
        _paint_bystander(place, factors, rng)
    blur = 0.4 + 4 * scene.backdrop_blur**2
    place = np.asarray(cv2.GaussianBlur(place, (0, 0), blur), np.float32)
    shade = 1 + 0.05 * materials.clouds(rng, COARSE, 3, 5)
    size = (canvas.side, canvas.side)
    for channel in range(3):
        plane = place[..., channel] * shade
        canvas.colour[channel] = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


Palette = tuple[Colour, Colour, Colour]


def _studio(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint a plain sheet that is brighter behind the head."""
    down, across = np.mgrid[0:COARSE, 0:COARSE] / COARSE
    middle = rng.uniform(0.2, 0.8, 2)
    distance = (across - middle[0]) ** 2 + (down - middle[1]) ** 2
    base = mix(palette[0], rgb(200, 200, 200), 0.3)
    place[:] = base * (0.75 + 0.5 * np.exp(-4 * distance))[..., None]


def _clouds(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint lumps of two colours, as a sky, stone or a crowd out of focus."""
    share = np.clip(materials.clouds(rng, COARSE, 3, 5) * 0.35 + 0.5, 0, 1)[..., None]
    place[:] = palette[0] + (palette[1] - palette[0]) * share


def _lights(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint a dark street with lamps as discs."""
    place *= np.float32(rng.uniform(0.2, 0.5))
    for _ in range(int(rng.integers(8, 26))):
        colour = palette[int(rng.integers(3))] * 0.5 + 110
        radius = float(rng.uniform(2, 8))
        disc = ellipse(rng.uniform(0, COARSE, 2), (radius, radius))
        _blend(place, disc, colour, float(rng.uniform(0.3, 0.9)))


def _foliage(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint leaves: many small patches of similar colours, with sky between."""
    leaf = mix(palette[0], rgb(70, 110, 40), 0.7)
    patches = materials.clouds(rng, COARSE, 16, 3)[..., None]
    place[:] = leaf * np.clip(0.85 + 0.4 * patches, 0.15, 2)
    sky = np.clip(materials.clouds(rng, COARSE, 6, 3) - 0.9, 0, 1)[..., None]
    place += (rgb(215, 225, 235) - place) * sky


def _wall(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint rows of bricks, tiles, boards or wallpaper stripes."""
    high = int(rng.integers(5, 16))
    wide = high * int(rng.choice([1, 2, 40]))
    joint = mix(palette[1], rgb(190, 185, 175), 0.5)
    place[:] = joint
    for row, top in enumerate(range(0, COARSE, high)):
        start = -(row % 2) * (wide // 2)
        for left in range(start, COARSE, wide):
            shade = float(rng.uniform(0.85, 1.1))
            columns = slice(max(left, 0), max(left + wide - 1, 0))
            place[top : top + high - 1, columns] = palette[0] * shade
    if rng.uniform() < 0.4:
        place[:] = place.transpose(1, 0, 2).copy()


def _room(place: Field, palette: Palette, rng: np.random.Generator) -> None:
    """Paint upright boxes of many colours: windows, shelves and pictures on a wall."""
    for _ in range(int(rng.integers(4, 14))):
        colour = palette[int(rng.integers(3))] * float(rng.uniform(0.4, 1.4))
        left, top = rng.uniform(-0.2, 0.9, 2) * COARSE
        wide, high = rng.uniform(0.06, 0.5, 2) * COARSE
        box = [(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)]
        _blend(place, np.array(box), np.clip(colour, 0, 255), 0.9)


BACKDROP_PAINTERS: dict[str, Callable[[Field, Palette, np.random.Generator], None]] = {
    "studio": _studio,
    "clouds": _clouds,
    "lights": _lights,
    "foliage": _foliage,
    "wall": _wall,
    "room": _room,
}


def _paint_bystander(place: Field, factors: Factors, rng: np.random.Generator) -> None:
    """Paint a smaller head at an edge of the picture: a face that must not be parsed."""
    side = 1 if rng.uniform() < 0.5 else -1
    middle = np.array([0.5 + side * rng.uniform(0.34, 0.46), rng.uniform(0.2, 0.6)]) * COARSE
    radius = factors.pose.face_scale * COARSE * float(rng.uniform(0.45, 0.8))
    skin = skin_colour(factors.person) * float(rng.uniform(0.6, 1.2))
    hair = rgb(*rng.uniform(15, 130, 3).tolist())
    body = ellipse(middle + np.array([0, 3.2 * radius]), (2.1 * radius, 2.2 * radius))
    _blend(place, body, rgb(*rng.uniform(20, 220, 3).tolist()), 1)
    _blend(
        place,
        ellipse(middle - np.array([0, 0.35 * radius]), (1.15 * radius, 1.35 * radius)),
        hair,
        1,
    )
    _blend(
        place, ellipse(middle + np.array([0, 0.2 * radius]), (0.9 * radius, 1.2 * radius)), skin, 1
    )
    for x, y, wide, high, gain in (
        (-0.4, 0.0, 0.2, 0.08, 0.35),
        (0.4, 0.0, 0.2, 0.08, 0.35),
        (0.0, 0.45, 0.18, 0.08, 0.75),
        (0.0, 0.85, 0.3, 0.09, 0.55),
    ):
        spot = middle + np.array([x, y]) * radius
        _blend(place, ellipse(spot, (wide * radius, high * radius)), skin * gain, 0.9)


def _blend(place: Field, outline: Points, colour: Colour, opacity: float) -> None:
    """Paint an outline, given in coarse cells, on the backdrop."""
    mask = np.zeros((COARSE, COARSE), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if len(rows) == 0:
        return
    area = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    share = mask[area].astype(np.float32)[..., None] * np.float32(opacity / 255)
    place[area] += (colour - place[area]) * share
