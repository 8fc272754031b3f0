"""Checksums of masks, which must not change without a new version of the protocol."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.robustness.occlusion import KINDS, mask_digest
from faceseg.robustness.seeds import generator_for

Faces = Callable[..., NDArray[np.uint8]]

# The first 16 digits for the hand-made face, the same with and without AVX2 and AVX-512.
PINNED = {
    "gray_square": "3d722ba07a7a5b5f",
    "blob": "692fbb2276d5f5d0",
    "eye_band": "6b1734a7306fb6ef",
    "lower_face": "095daef3d96c59e4",
    "hand": "31bd3b6a0077912e",
    "strands": "c21df268edca649c",
    "patches": "0d3d4100ab50f34f",
    "gray_square_translucent": "1ebc4e39dd687dae",
}


@pytest.mark.parametrize(("kind", "start"), PINNED.items())
def test_the_masks_of_occ_v1_do_not_change(kind: str, start: str, face: Faces) -> None:
    images = [("a", face(128)), ("b", face(64, tilt=True))]
    assert mask_digest(images, [kind], LAPA)[:16] == start


def test_the_digest_depends_on_ids_replicas_and_labels(face: Faces) -> None:
    digests = {
        mask_digest([("a", face(64))], ["blob"], LAPA),
        mask_digest([("b", face(64))], ["blob"], LAPA),
        mask_digest([("a", face(64))], ["blob"], LAPA, replica=1),
        mask_digest([("a", face(96))], ["blob"], LAPA),
    }
    assert len(digests) == 4


def test_threads_do_not_change_the_digest(face: Faces) -> None:
    images = [(name, face(64, tilt=name in "bd")) for name in "abcdef"]
    one, four = (mask_digest(images, KINDS, LAPA, threads=threads) for threads in (1, 4))
    assert one == four


def test_a_generator_is_keyed_by_suite_kind_image_and_replica() -> None:
    blob, hand = ("occ-v1", "blob"), ("occ-v1", "hand")
    keys = [(*blob, "a", 0), (*hand, "a", 0), (*blob, "b", 0), (*blob, "a", 1)]
    keys.append(("occ-v2", "blob", "a", 0))
    draws = {generator_for(*key).integers(2**62) for key in keys}
    assert len(draws) == 5
    assert generator_for("occ-v1", "blob", "a").integers(2**62) in draws
