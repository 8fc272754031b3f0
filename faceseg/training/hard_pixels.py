"""Online hard example mining: the cross-entropy of the pixels that are hardest at this step.

Source: Shrivastava et al. 2016, arXiv:1604.03540 (regions of an image); its form for pixels is that
of BiSeNet's code (Yu et al. 2018): all pixels below a probability, and at least a share of them.
"""

from typing import Any

import numpy as np
from keras import ops


def hard_pixels(losses: Any, scored: Any, probability: float, min_share: float) -> Any:
    """Return 1 for the pixels to train on and 0 for the others, (N,) float32.

    A pixel is hard if its true class is predicted with less than `probability`. If fewer than
    `min_share` of the scored pixels are hard, the hardest pixels of this share are returned; pixels
    as hard as the last of these are returned too.

    Args:
        losses: -log of the probability of each pixel's true class, (N,).
        scored: 1 for each pixel that is not ignored, else 0, (N,).
        probability: In (0, 1).
        min_share: In (0, 1].
    """
    losses = ops.stop_gradient(losses)
    # Sorted from the largest; the ignored ones last, since no loss is below 0.
    ordered = -ops.sort(ops.where(scored > 0, -losses, 1.0))
    rank = ops.cumsum(ops.ones_like(ordered))
    needed = ops.ceil(min_share * ops.sum(scored))
    # Not by its index: TensorFlow computes with int32 on the host.
    least = ops.max(ops.where(rank >= needed, ordered, -1.0))
    threshold = ops.minimum(least, -float(np.log(probability)))
    return ops.cast(losses >= threshold, "float32") * scored
