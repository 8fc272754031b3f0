"""Random generators of a training, each determined by (seed, epoch, index) and its use."""

import numpy as np

Seed = tuple[int, int, int]  # seed of the run, epoch, index of the image

TRANSFORM, ORDER, OCCLUDER = range(3)  # the uses; a new one gets the next number


def image_generator(seed: Seed, use: int) -> np.random.Generator:
    """Return the generator of one image in one epoch for one use.

    It is counter-based: each image and use has its own part of the stream, so nothing is skipped
    and nothing depends on the order of the calls.
    """
    run, epoch, index = (each % 2**64 for each in seed)
    bits = np.random.Philox(
        key=np.array([run, epoch], dtype=np.uint64),
        counter=np.array([0, 0, use, index], dtype=np.uint64),
    )
    return np.random.Generator(bits)
