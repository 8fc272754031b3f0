"""Drawing of a face from its key: sampling of its factors, painting from back to front, camera."""

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

SMALLEST = 16  # pixels a side; a smaller picture shows nothing of a face
VERSION = "drawn-v1"  # part of every key: change it when the same seed gives another picture

Key = int | tuple[int | str, ...]


@dataclass(frozen=True, eq=False)
class DrawnFace:
    """A drawn picture, its labels, and its factors.

    Attributes:
        image: uint8 RGB (size, size, 3).
        labels: uint8 (size, size), ids of `classes.LAPA`.
        factors: The factors of variation.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    factors: Factors


def draw_face(seed: Key, size: int = 128, difficulty: float = 1.0) -> DrawnFace:
    """Draw one face. The same seed gives the same person at every size and difficulty.

    Args:
        seed: A number, or a tuple of numbers and names.
        size: Pixels a side, 16 or more.
        difficulty: 0 is a passport photograph, 1 about as hard as LaPa, 1.5 the maximum.

    Returns:
        The picture, its labels and its factors.

    Raises:
        UserError: The size or the difficulty is out of range.
    """
    factors = factors_of(seed, difficulty)
    check_size(size)
    key = _key(seed)
    portrait = blank_portrait(factors, size, generator_for("detail", *key))
    paint(portrait)
    picture = portrait.canvas.picture()
    image = apply_camera(picture, factors.camera, generator_for("camera", *key))
    return DrawnFace(image=image, labels=portrait.canvas.label_map(), factors=factors)


def check_size(size: int) -> None:
    """Raise UserError if a picture of `size` pixels a side is too small for a face."""
    if size < SMALLEST:
        raise UserError(f"a drawn face needs {SMALLEST} pixels a side or more; got size={size}")


def factors_of(seed: Key, difficulty: float = 1.0) -> Factors:
    """Return the factors of the face that `draw_face` draws, without drawing it.

    Raises:
        UserError: The difficulty is out of range.
    """
    if not 0 <= difficulty <= HARDEST:
        raise UserError(f"the difficulty of drawn faces is from 0 to {HARDEST}; got {difficulty:g}")
    return sample_factors(generator_for("factors", *_key(seed)), difficulty)


def _key(seed: Key) -> tuple[int | str, ...]:
    return seed if isinstance(seed, tuple) else (seed,)


def paint(portrait: Portrait) -> None:
    """Paint all parts of the picture on the portrait's canvas, from back to front."""
    paint_backdrop(portrait.canvas, portrait.factors, portrait.rng)
    skin, hair = skin_texture(portrait), hair_texture(portrait)
    face = face_outline(portrait)
    paint_back_hair(portrait, hair)
    paint_body(portrait)
    if portrait.factors.hair.hair_style != "bald":
        paint_cap(portrait, hair)
    paint_ears(portrait, skin)
    paint_locks(portrait, hair, near=False)
    paint_skin(portrait, face, skin)
    paint_eyes(portrait)
    paint_nose(portrait, skin)
    paint_mouth(portrait, skin)
    paint_brows(portrait)
    paint_fringe(portrait, face, hair)
    paint_locks(portrait, hair, near=True)
    paint_strands(portrait, hair)
    paint_occluder(portrait)


# --- Random streams by key: the same key gives the same numbers on any worker.
#
# No stream depends on another one or on the order of the calls, so an image is the same
# whether it is drawn alone, in a batch, or by another process.


def generator_for(*key: int | str) -> np.random.Generator:
    """Return the Philox stream of `key`, numbers and names; the keys 1 and "1" differ."""
    plain = [each if isinstance(each, str) else int(each) for each in key]  # int() for NumPy's
    digest = hashlib.sha256(json.dumps([VERSION, *plain]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


# --- A contact sheet: drawn faces beside their labels, for inspection and the documents.


def contact_sheet(
    rows: int = 4, columns: int = 4, size: int = 128, difficulty: float = 1.0, seed: int = 0
) -> NDArray[np.uint8]:
    """Draw a contact sheet: each face with its labels, in LaPa's palette, to its right.

    Args:
        rows: Rows of faces.
        columns: Columns of faces.
        size: Pixels a side of a face.
        difficulty: As in `draw_face`.
        seed: The faces have the keys (seed, "sheet", 0), (seed, "sheet", 1) and so on.

    Returns:
        uint8 RGB (rows * size, columns * 2 * size, 3).
    """
    lines = []
    for row in range(rows):
        pairs = []
        for column in range(columns):
            face = draw_face((seed, "sheet", row * columns + column), size, difficulty)
            pairs += [face.image, LAPA.colour(face.labels)]
        lines.append(np.concatenate(pairs, axis=1))
    return np.concatenate(lines, axis=0)
