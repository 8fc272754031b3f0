"""The edge of the hair on the forehead, from a bare hairline to a full fringe."""

from collections.abc import Callable

import numpy as np

from faceseg.data.drawn.factors import Hair
from faceseg.data.drawn.geometry import Points
from faceseg.data.drawn.hair import HAIR, hair_colour
from faceseg.data.drawn.materials import Field
from faceseg.data.drawn.portrait import Portrait

EDGE_POINTS = 37  # points along the fringe's edge
TEMPLE = -0.35  # height at which the hairline ends, in front of the ears


def hairline_reach(levels: Points, hairline: float) -> Points:
    """Return the angle in degrees from the front to the forehead's edge at heights `levels`."""
    share = np.clip((levels + hairline) / (TEMPLE + hairline), 0, 1)
    reach: Points = 22 + 73 * np.sqrt(share)
    return reach


def hairline_level(degrees: Points, hairline: float) -> Points:
    """Return the height of the hairline at `degrees` from the front.

    It is the inverse of `hairline_reach`.
    """
    share = np.clip((np.abs(degrees) - 22) / 73, 0, 1) ** 2
    level: Points = -hairline + share * (TEMPLE + hairline)
    return level


def paint_fringe(portrait: Portrait, face: Points, texture: Field) -> None:
    """Paint the fringe and its shadow on the forehead, or a ragged hairline."""
    hair, rng = portrait.factors.hair, portrait.rng
    if hair.hair_style == "bald":
        return
    cropped = hair.hair_style in ("buzz", "curly", "tied")
    kind = "none" if cropped else hair.fringe
    degrees = np.linspace(-92, 92, EDGE_POINTS)
    line = hairline_level(degrees, hair.hairline)
    low = line + np.maximum(FRINGE_SHAPES[kind](degrees, hair), 0)
    ragged = {"none": 0.018, "spiky": 0.11, "straight": 0.035}.get(kind, 0.03)
    low = low + rng.normal(size=EDGE_POINTS) * ragged * np.cos(np.deg2rad(degrees))
    lift = 0.015 if kind == "none" else 0.07
    edge = portrait.head.around(low, degrees, lift)
    top = portrait.head.around(line - 0.3, degrees * 0.9, 0.3 * hair.hair_volume)
    outline = np.concatenate([edge, top[::-1]])
    if kind != "none":
        shadow = outline + np.array([0.0, 0.07 * portrait.unit])
        portrait.canvas.tint(shadow, 0.68, 0.05 * portrait.unit, inside=face)
    portrait.canvas.fill(
        outline,
        hair_colour(portrait),
        label=HAIR,
        softness=0.012 * portrait.unit,
        texture=texture,
    )


def _none(degrees: Points, hair: Hair) -> Points:
    """Return the drop of a bare hairline: a small widow's peak at most."""
    return 0.1 * (hair.fringe_depth - 0.4) * np.exp(-((degrees / 14) ** 2))


def _straight(degrees: Points, hair: Hair) -> Points:
    """Return the drop of a fringe that is cut at one height."""
    height = -hair.hairline + hair.fringe_depth * (hair.hairline - 0.26)
    return height - hairline_level(degrees, hair.hairline)


def _side(degrees: Points, hair: Hair) -> Points:
    """Return the drop of a fringe that is swept from the parting to the other temple."""
    start = 45 * hair.parting
    away = -np.sign(hair.parting) * (degrees - start)
    swept = np.clip(away / 90, 0, 1) ** 0.8
    height = -hair.hairline + swept * (0.35 + 0.65 * hair.fringe_depth) * (hair.hairline - 0.1)
    return np.where(away > 0, height - hairline_level(degrees, hair.hairline), 0.03)


def _curtain(degrees: Points, hair: Hair) -> Points:
    """Return the drop of a fringe that is parted in the middle and falls to both temples."""
    away = np.abs(degrees - 20 * hair.parting)
    height = -hair.hairline + np.clip(away / 65, 0, 1) ** 1.2 * (hair.hairline + 0.15)
    return (0.4 + 0.6 * hair.fringe_depth) * (height - hairline_level(degrees, hair.hairline))


FRINGE_SHAPES: dict[str, Callable[[Points, Hair], Points]] = {
    "none": _none,
    "straight": _straight,
    "spiky": _straight,
    "side": _side,
    "curtain": _curtain,
}
