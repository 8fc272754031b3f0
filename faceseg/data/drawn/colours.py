"""Colours of skin, hair, eyes and lips, as RGB in 0 to 255."""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.factors import Person, Rgb

Colour = NDArray[np.float32]  # shape (3,)

SKIN = (  # from the lightest to the darkest
    (244, 214, 194),
    (230, 188, 158),
    (208, 156, 120),
    (162, 108, 76),
    (120, 78, 54),
    (78, 52, 41),
)
HAIR: dict[str, tuple[float, Rgb]] = {  # share of the people, colour
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
IRISES: tuple[Rgb, ...] = ((58, 36, 22), (88, 58, 32), (104, 96, 56), (84, 112, 128), (96, 120, 84))


def rgb(*channels: float) -> Colour:
    """Return a colour from its three channels."""
    return np.array(channels, dtype=np.float32)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour `share` (0 to 1) of the way from the first to the second."""
    return (first + (second - first) * np.float32(share)).astype(np.float32)


def skin_colour(person: Person) -> Colour:
    """Return the skin's colour under white light."""
    place = person.skin_tone * (len(SKIN) - 1)
    low = min(int(place), len(SKIN) - 2)
    base = mix(rgb(*SKIN[low]), rgb(*SKIN[low + 1]), place - low)
    undertone = 1 + np.float32(0.05 * person.skin_warmth) * rgb(0.4, 0.2, -1.4)
    return np.clip(base * undertone, 10, 250)


def lip_colour(person: Person) -> Colour:
    """Return the colour of the lips: redder and darker than the skin, or made up."""
    skin = skin_colour(person)
    natural = skin * rgb(0.93, 0.66, 0.68)
    if person.skin_tone > 0.7:  # dark skin: lips are more purple, and less red
        natural = skin * rgb(1.02, 0.74, 0.86)
    lips = mix(skin * rgb(0.96, 0.84, 0.83), natural, person.lip_contrast)
    return mix(lips, rgb(176, 30, 52), 0.75 * max(0.0, person.makeup - 0.25))
