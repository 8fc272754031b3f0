"""Objects in front of the face. They are labelled background: LaPa labels visible parts only."""

from collections.abc import Callable

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.geometry import CROWN, Points, hull, ribbon, smooth
from faceseg.data.drawn.hand_occluders import paint_hand, paint_object
from faceseg.data.drawn.materials import mix, rgb
from faceseg.data.drawn.portrait import Portrait

BACKGROUND = 0


def paint_occluder(portrait: Portrait) -> None:
    """Paint the occluder of the portrait's factors, if there is one."""
    OCCLUDER_PAINTERS[portrait.factors.scene.occluder](portrait)


def _nothing(portrait: Portrait) -> None:
    """Leave the face bare."""


def _lens(portrait: Portrait, side: int, square: float, size: float) -> Points:
    """Return the outline of a lens; it is round at `square` 2 and boxy above."""
    angle = np.linspace(0, 2 * np.pi, 32)
    power = 2 / square
    across = 0.30 * size * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    down = 0.22 * size * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    middle = side * max(0.45, portrait.factors.person.eye_spacing)
    flat = np.stack([middle + across, 0.03 + down], axis=1)
    return portrait.on_face(flat, lift=0.12)


def _spectacles(portrait: Portrait, dark: bool) -> None:
    canvas, rng, unit = portrait.canvas, portrait.rng, portrait.unit
    size = portrait.factors.scene.occluder_size * (1.12 if dark else 1.0)
    square = float(rng.uniform(2.0, 4.5))
    frame = rgb(*portrait.factors.scene.occluder_rgb) * float(rng.choice([0.15, 0.35, 0.7]))
    width = float(rng.uniform(0.05, 0.09)) * unit
    glass = frame * 0.35 + float(rng.uniform(5, 40))
    for side in (-1, 1):
        lens = _lens(portrait, side, square, size)
        canvas.tint(lens, 0.8, 0.05 * unit, shift=(0, 0.06 * unit))
        if dark:
            canvas.fill(lens, glass, label=BACKGROUND, opacity=0.97)
            sheen = ribbon(lens[18:26] * 0.8 + lens.mean(axis=0) * 0.2, 0.06 * unit)
            canvas.fill(sheen, rgb(225, 230, 235), opacity=0.3, softness=0.04 * unit, inside=lens)
        canvas.fill(ribbon(lens, width), frame, label=BACKGROUND)
        if side * np.sin(portrait.head.yaw) < 0.2:
            arm = np.array([(side * 0.74, -0.04, 0.62), (side * 1.02, -0.06, -0.1)])
            canvas.fill(ribbon(portrait.head.project(arm), width), frame, label=BACKGROUND)
    bridge = portrait.on_face([(-0.17, 0.0), (0.0, -0.04), (0.17, 0.0)], lift=0.16)
    canvas.fill(ribbon(bridge, width), frame, label=BACKGROUND)


def _glasses(portrait: Portrait) -> None:
    """Paint clear spectacles, whose frame alone covers the face."""
    _spectacles(portrait, dark=False)


def _sunglasses(portrait: Portrait) -> None:
    """Paint dark spectacles, which cover the eyes."""
    _spectacles(portrait, dark=True)


def _hat(portrait: Portrait) -> None:
    """Paint a woollen hat, a cap with a peak, or a hat with a brim all around."""
    head, rng, canvas = portrait.head, portrait.rng, portrait.canvas
    kind = str(rng.choice(["wool", "peak", "brim"]))
    low = -0.72 * portrait.factors.scene.occluder_size
    volume = 0.12 + min(portrait.factors.hair.hair_volume, 0.25)
    cloth = portrait.lit(rgb(*portrait.factors.scene.occluder_rgb))
    weave = 0.09 * materials.grain(rng, canvas.side, 90 if kind == "wool" else 160)
    texture = ((0.2 + 0.8 * portrait.light) * (1 + weave)).astype(np.float32)
    crown = hull(head.shell(np.linspace(CROWN, low, 7), 180.0, volume))
    band = hull(head.shell(np.array([low - 0.22, low]), 180.0, volume + 0.03))
    canvas.tint(band, 0.7, 0.07 * portrait.unit, shift=(0, 0.16 * portrait.unit))
    canvas.fill(crown, cloth, label=BACKGROUND, texture=texture)
    canvas.fill(band, cloth * 0.8, label=BACKGROUND, texture=texture)
    if kind == "wool":
        return
    reach = 62.0 if kind == "peak" else 180.0
    degrees = np.linspace(-reach, reach, 40)
    wide = 0.5 * np.cos(np.deg2rad(degrees) * 90 / reach) if kind == "peak" else 0.55
    rim = head.around(np.full(40, low + 0.06), degrees, volume + wide)
    root = head.around(np.full(40, low - 0.02), degrees, volume)
    outline = np.concatenate([rim, root[::-1]]) if kind == "peak" else hull(rim)
    canvas.fill(outline, cloth * 0.9, label=BACKGROUND, texture=texture)
    if kind == "brim":
        canvas.fill(crown, cloth, label=BACKGROUND, texture=texture)


def _mask(portrait: Portrait) -> None:
    """Paint a surgical mask from the nose to the jaw, with pleats and straps."""
    canvas, rng, unit = portrait.canvas, portrait.rng, portrait.unit
    plain = (rgb(150, 190, 215), rgb(235, 238, 238), rgb(30, 30, 34))
    colour = plain[int(rng.integers(3))]
    if rng.uniform() < 0.35:
        colour = rgb(*portrait.factors.scene.occluder_rgb)
    top = [(-0.9, 0.2), (-0.35, 0.24), (0.0, 0.14), (0.35, 0.24), (0.9, 0.2)]
    rest = [(0.92, 0.62), (0.62, 1.3), (0.0, 1.52), (-0.62, 1.3), (-0.92, 0.62)]
    flat = np.array([*top, *rest])
    swell = np.array([0.02, 0.14, 0.26, 0.14, 0.02, 0.02, 0.06, 0.08, 0.06, 0.02])
    outline = smooth(portrait.head.place(flat, swell), 70)
    for side in (-1, 1):
        for y in (0.22, 0.75):
            strap = portrait.head.project(
                np.array([(side * 0.9, y, 0.3), (side * 1.03, 0.05, -0.15)])
            )
            canvas.fill(ribbon(strap, 0.035 * unit), colour * 0.9, label=BACKGROUND)
    shade = (0.25 + 0.75 * portrait.light).astype(np.float32)
    canvas.tint(outline, 0.75, 0.04 * unit, shift=(0, 0.04 * unit))
    canvas.fill(
        outline,
        portrait.lit(mix(colour, rgb(255, 255, 255), 0.05)),
        label=BACKGROUND,
        texture=shade,
    )
    for y in (0.6, 0.8, 1.0):
        pleat = portrait.on_face([(-0.8, y), (0.0, y + 0.08), (0.8, y)], lift=0.12)
        canvas.tint(
            ribbon(smooth(pleat, 16, closed=False), 0.05 * unit), 0.86, 0.02 * unit, inside=outline
        )


OCCLUDER_PAINTERS: dict[str, Callable[[Portrait], None]] = {
    "none": _nothing,
    "glasses": _glasses,
    "sunglasses": _sunglasses,
    "hat": _hat,
    "mask": _mask,
    "hand": paint_hand,
    "object": paint_object,
}
