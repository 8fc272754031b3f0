"""One drawn face, from its key to its picture: what is painted when, from back to front."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.drawn.backdrop import paint_backdrop
from faceseg.data.drawn.body import paint_body
from faceseg.data.drawn.camera import apply_camera
from faceseg.data.drawn.eyes import paint_brows, paint_eyes
from faceseg.data.drawn.face import face_outline, paint_ears, paint_skin, skin_texture
from faceseg.data.drawn.factors import Factors
from faceseg.data.drawn.fringe import paint_fringe
from faceseg.data.drawn.hair import (
    hair_texture,
    paint_back_hair,
    paint_cap,
    paint_locks,
    paint_strands,
)
from faceseg.data.drawn.mouth import paint_mouth
from faceseg.data.drawn.nose import paint_nose
from faceseg.data.drawn.occluders import paint_occluder
from faceseg.data.drawn.portrait import Portrait, blank_portrait
from faceseg.data.drawn.sampling import HARDEST, sample_factors
from faceseg.errors import UserError

SMALLEST = 16  # pixels a side: below this nothing of a face is left

Key = int | tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class DrawnFace:
    """A picture, its labels, and what it was made from.

    image: uint8 RGB (size, size, 3); labels: uint8 (size, size), ids of `classes.LAPA`.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    factors: Factors


def draw_face(seed: Key, size: int = 128, difficulty: float = 1.0) -> DrawnFace:
    """Draw the face of `seed`, `size` pixels a side; the same seed draws the same person.

    `difficulty` 0 is a passport photograph, 1 about as hard as LaPa, 1.5 the most.
    Raises UserError for a size or a difficulty out of range.
    """
    factors = factors_of(seed, difficulty)
    check_size(size)
    key = _key(seed)
    sitting = blank_portrait(factors, size, generator_for("detail", *key))
    paint(sitting)
    picture = sitting.canvas.picture()
    image = apply_camera(picture, factors.camera, generator_for("camera", *key))
    return DrawnFace(image=image, labels=sitting.canvas.label_map(), factors=factors)


def check_size(size: int) -> None:
    """Raise UserError for a picture too small to hold a face."""
    if size < SMALLEST:
        raise UserError(f"a drawn face has {SMALLEST} pixels a side or more; got size={size}")


def factors_of(seed: Key, difficulty: float = 1.0) -> Factors:
    """Return the factors of the face of `seed` without drawing it."""
    if not 0 <= difficulty <= HARDEST:
        raise UserError(
            f"the difficulty of drawn faces goes from 0 to {HARDEST}; got {difficulty:g}"
        )
    return sample_factors(generator_for("factors", *_key(seed)), difficulty)


def _key(seed: Key) -> tuple[int | str, ...]:
    return seed if isinstance(seed, tuple) else (seed,)


def paint(sitting: Portrait) -> None:
    """Paint everything on the sitting's canvas, from back to front."""
    paint_backdrop(sitting.canvas, sitting.factors, sitting.rng)
    skin, hair = skin_texture(sitting), hair_texture(sitting)
    face = face_outline(sitting)
    paint_back_hair(sitting, hair)
    paint_body(sitting)
    if sitting.factors.hair.hair_style != "bald":
        paint_cap(sitting, hair)
    paint_ears(sitting, skin)
    paint_locks(sitting, hair, near=False)
    paint_skin(sitting, face, skin)
    paint_eyes(sitting)
    paint_nose(sitting, skin)
    paint_mouth(sitting, skin)
    paint_brows(sitting)
    paint_fringe(sitting, face, hair)
    paint_locks(sitting, hair, near=True)
    paint_strands(sitting, hair)
    paint_occluder(sitting)


# --- Random streams named by a key: the same key gives the same numbers, on any worker.
#
# No stream depends on another or on the order of the calls, so an image is the same
# whether it is drawn alone, in a batch, or by another process.

VERSION = "drawn-v1"  # part of every key: raise it when the same seed draws another picture


def generator_for(*key: int | str) -> np.random.Generator:
    """Return the Philox stream of `key` (numbers and names; 1 and "1" differ)."""
    plain = [each if isinstance(each, str) else int(each) for each in key]  # NumPy's too
    digest = hashlib.sha256(json.dumps([VERSION, *plain]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


# --- A contact sheet: drawn faces beside their labels, for the eye and for the documents.


def contact_sheet(
    rows: int = 4, columns: int = 4, size: int = 128, difficulty: float = 1.0, seed: int = 0
) -> NDArray[np.uint8]:
    """Return one RGB picture (rows * size, columns * 2 * size, 3) of rows x columns faces.

    Each face stands left of its labels in LaPa's palette; the faces are those of the keys
    (seed, "sheet", 0), (seed, "sheet", 1) and so on.
    """
    lines = []
    for row in range(rows):
        pairs = []
        for column in range(columns):
            face = draw_face((seed, "sheet", row * columns + column), size, difficulty)
            pairs += [face.image, LAPA.colour(face.labels)]
        lines.append(np.concatenate(pairs, axis=1))
    return np.concatenate(lines, axis=0)
