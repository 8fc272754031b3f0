"""Random streams named by a key: the same key gives the same numbers, on any worker.

No stream depends on another or on the order of the calls, so an image is the same
whether it is drawn alone, in a batch, or by another process.
"""

import hashlib
import json

import numpy as np

VERSION = "drawn-v1"  # part of every key: raise it when the same seed draws another picture


def generator(*key: int | str) -> np.random.Generator:
    """Return the Philox stream of `key` (numbers and names; 1 and "1" differ)."""
    plain = [each if isinstance(each, str) else int(each) for each in key]  # NumPy's too
    digest = hashlib.sha256(json.dumps([VERSION, *plain]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
