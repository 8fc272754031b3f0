"""Draws that depend on the protocol, the kind, the image and the replica, and on nothing else."""

import hashlib
import json

import numpy as np

VERSION = "occ-v1"


def generator_for(kind: str, image_id: str, replica: int) -> np.random.Generator:
    """Return a fresh Philox generator keyed by a hash of the four.

    The severity is no part of the key: all severities of an (image, kind) share one
    centre, shape and texture.
    """
    name = json.dumps([VERSION, kind, image_id, replica])
    key = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
