"""Several networks that answer together, by the mean of their class probabilities.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.inference.predictor import Predictor, resize_logits, softmax


class _MeanProbabilities:
    """Stands in for a network on the grid of the first member."""

    def __init__(self, members: Sequence[Predictor]) -> None:
        self.members = members
        self.input_shape = (None, *members[0].grid, 3)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logarithm of the mean probabilities: logits, (N, h, w, C)."""
        height, width = images.shape[1:3]
        total = np.zeros((len(images), height, width, len(self.members[0].classes)), np.float32)
        for member in self.members:
            for place, logits in enumerate(member.logits(list(images))):
                total[place] += softmax(resize_logits(logits, (height, width)))
        return np.log(np.maximum(total / len(self.members), np.finfo(np.float32).tiny))


def ensemble_predictor(members: Sequence[Predictor]) -> Predictor:
    """Return the predictor of the members' mean probabilities.

    Raises ValueError for no members, or members of different classes.
    """
    if not members:
        raise ValueError("an ensemble needs a member or more; none were given")
    if any(member.classes != members[0].classes for member in members):
        raise ValueError("the members of an ensemble must have the same classes")
    return Predictor(_MeanProbabilities(members), members[0].classes)
