"""Random generators that depend only on the protocol, the kind, the image and the replica."""

import hashlib
import json

import numpy as np


def generator_for(version: str, kind: str, image_id: str, replica: int = 0) -> np.random.Generator:
    """Return a new Philox generator whose key is a hash of the arguments.

    The severity is not part of the key: all severities of an image and kind share one draw
    (an occluder's shape, a noise field, a direction), so that differences are paired.
    """
    name = json.dumps([version, kind, image_id, replica])
    key = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
