"""A hand before the face, of the same skin: the hard case among occluders."""

import numpy as np

from faceseg.data.drawn.canvas import Field
from faceseg.data.drawn.colours import Colour, rgb
from faceseg.data.drawn.geometry import Points, capsule, ellipse, smooth, turn
from faceseg.data.drawn.sitting import Sitting

BACKGROUND = 0
PLACES = {  # where on the face the fingers lie
    "chin": (0.22, 1.3),
    "cheek": (0.72, 0.72),
    "mouth": (0.1, 0.92),
    "eye": (0.46, 0.0),
    "brow": (0.4, -0.7),
}


def held_at(sitting: Sitting) -> tuple[Points, float]:
    """Return where, in cells, something is held before the face, and its turn in radians."""
    scene = sitting.factors.scene
    side = 1 if sitting.rng.uniform() < 0.5 else -1
    x, y = PLACES[scene.occluder_place]
    jitter = sitting.rng.normal(size=2) * 0.08
    spot = sitting.on_face(np.array([[side * x, y]]) + jitter, lift=0.15)[0]
    lean = -side * abs(np.deg2rad(scene.occluder_angle)) + 0.5 * sitting.head.roll
    return spot, float(lean)


def paint_hand(sitting: Sitting) -> None:
    """Paint forearm, palm, thumb and four fingers, whose tips lie on the face."""
    rng, unit = sitting.rng, sitting.unit
    spot, lean = held_at(sitting)
    scale = 0.92 * sitting.factors.scene.occluder_size * unit
    mirror = float(rng.choice([-1, 1]))

    def cells(points: list[tuple[float, float]]) -> Points:
        flat = np.array(points) * [mirror, 1.0]
        return flat @ turn(lean).T * scale + spot

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
    sitting: Sitting, ends: Points, radius: float, skin: Colour, texture: Field
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
