"""Colours (RGB, 0 to 255) and textures of skin, hair, eyes, lips and cloth."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.factors import Person, Rgb
from faceseg.data.drawn.geometry import Points

Colour = NDArray[np.float32]  # shape (3,)
Field = NDArray[np.float32]  # shape (S, S), S cells a side

SKIN_TONES = (  # from the lightest to the darkest
    (244, 214, 194),
    (230, 188, 158),
    (208, 156, 120),
    (162, 108, 76),
    (120, 78, 54),
    (78, 52, 41),
)
HAIR_COLOURS: dict[str, tuple[float, Rgb]] = {  # share of the people, and the colour
    "black": (0.28, (28, 23, 22)),
    "dark brown": (0.20, (58, 39, 28)),
    "brown": (0.14, (104, 70, 44)),
    "light brown": (0.09, (150, 112, 72)),
    "blond": (0.09, (208, 178, 124)),
    "red": (0.06, (146, 68, 36)),
    "grey": (0.06, (150, 148, 146)),
    "white": (0.04, (226, 224, 220)),
    "dyed": (0.04, (120, 60, 140)),
}
IRIS_COLOURS: tuple[Rgb, ...] = (
    (58, 36, 22),
    (88, 58, 32),
    (104, 96, 56),
    (84, 112, 128),
    (96, 120, 84),
)


def rgb(*channels: float) -> Colour:
    """Return a colour from its three channels."""
    return np.array(channels, dtype=np.float32)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour `share` (0 to 1) of the way from the first to the second."""
    return (first + (second - first) * np.float32(share)).astype(np.float32)


def skin_colour(person: Person) -> Colour:
    """Return the skin's colour under white light."""
    place = person.skin_tone * (len(SKIN_TONES) - 1)
    low = min(int(place), len(SKIN_TONES) - 2)
    base = mix(rgb(*SKIN_TONES[low]), rgb(*SKIN_TONES[low + 1]), place - low)
    undertone = 1 + np.float32(0.05 * person.skin_warmth) * rgb(0.4, 0.2, -1.4)
    return np.clip(base * undertone, 10, 250)


def lip_colour(person: Person) -> Colour:
    """Return the colour of the lips: redder and darker than the skin, or that of lipstick."""
    skin = skin_colour(person)
    natural = skin * rgb(0.93, 0.66, 0.68)
    if person.skin_tone > 0.7:  # dark skin: lips are more purple, and less red
        natural = skin * rgb(1.02, 0.74, 0.86)
    lips = mix(skin * rgb(0.96, 0.84, 0.83), natural, person.lip_contrast)
    return mix(lips, rgb(176, 30, 52), 0.75 * max(0.0, person.makeup - 0.25))


# --- Textures: noise of mean 0 for every cell of a canvas.
#
# Noise is sampled on grids of a fixed size and enlarged, so that the same seed gives the same
# texture at any size of the picture.


def enlarge(field: Field, side: int) -> Field:
    """Return a square field, enlarged bilinearly to `side` cells."""
    return np.asarray(cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def clouds(rng: np.random.Generator, side: int, cells: int = 4, octaves: int = 4) -> Field:
    """Return cloudy noise of mean 0 and deviation about 1.

    Args:
        rng: The random stream.
        side: Cells a side of the result.
        cells: Lumps a side at the coarsest octave.
        octaves: The number of octaves.
    """
    total = np.zeros((cells, cells), np.float32)
    for octave in range(octaves):
        grid = cells * 2**octave
        lumps = rng.standard_normal((grid, grid), np.float32) * np.float32(0.62**octave)
        total = np.asarray(cv2.resize(total, (grid, grid), interpolation=cv2.INTER_CUBIC)) + lumps
    return enlarge(total * np.float32(0.75), side)


def grain(rng: np.random.Generator, side: int, cells: int = 96) -> Field:
    """Return fine noise of mean 0 and deviation about 1 (pores, cloth, wool)."""
    return enlarge(rng.standard_normal((cells, cells), np.float32), side)


def strands(rng: np.random.Generator, side: int, crown: Points, unit: float, wave: float) -> Field:
    """Return strands that radiate from the crown of the head, mean 0, deviation about 1.

    Args:
        rng: The random stream.
        side: Cells a side of the result.
        crown: The crown's position (x, y) in cells.
        unit: Half the width of the face in cells.
        wave: 0 for straight strands, 1 for wavy ones.
    """
    half = side // 2
    across, down = np.meshgrid(
        (np.arange(half, dtype=np.float32) * 2 - np.float32(crown[0])) / np.float32(unit),
        (np.arange(half, dtype=np.float32) * 2 - np.float32(crown[1])) / np.float32(unit),
    )
    radius, angle = cv2.cartToPolar(across, down)
    noise = rng.standard_normal((24, 256), np.float32)
    noise += np.asarray(cv2.blur(rng.standard_normal((24, 256), np.float32), (9, 1))) * 2.5
    bend = np.sin(np.asarray(radius) * 5) * np.float32(4 * wave)
    column = np.asarray(angle) * np.float32(256 / (2 * np.pi)) + bend
    row = np.asarray(radius) * np.float32(1.6)
    fade = np.clip(np.asarray(radius) * 1.6, 0, 1).astype(np.float32)
    drawn = cv2.remap(
        noise, column.astype(np.float32), row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return enlarge(np.asarray(drawn, np.float32) * np.float32(0.8) * fade, side)


def curls(rng: np.random.Generator, side: int, cells: int = 64) -> Field:
    """Return the lumpy texture of tight curls, mean 0, deviation about 1."""
    lumps = rng.standard_normal((cells, cells), np.float32)
    round_ones = np.asarray(cv2.GaussianBlur(lumps, (0, 0), 0.8), np.float32)
    return enlarge(round_ones * np.float32(1.8), side)
