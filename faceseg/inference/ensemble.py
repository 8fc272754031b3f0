"""Ensembles: the mean of several networks' class probabilities.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.detection.crop import face_box_margin
from faceseg.inference.face_box import predictor_of
from faceseg.inference.mirrored import MirroredPredictor
from faceseg.inference.predictor import Predictor, load, resize_logits, softmax


class _MeanProbabilities:
    """A network whose output is the mean of the members', on the grid of the first member."""

    def __init__(self, members: Sequence[Predictor]) -> None:
        self.members = members
        self.input_shape = (None, *members[0].grid, 3)
        self.compiles_each_size = any(member.compiles_each_size for member in members)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logarithm of the mean probabilities: logits, (N, h, w, C)."""
        height, width = images.shape[1:3]
        total = np.zeros((len(images), height, width, len(self.members[0].classes)), np.float32)
        for member in self.members:
            for index, logits in enumerate(member.logits(list(images))):
                total[index] += softmax(resize_logits(logits, (height, width)))
        return np.log(np.maximum(total / len(self.members), np.finfo(np.float32).tiny))


def ensemble_predictor(members: Sequence[Predictor]) -> Predictor:
    """Return a predictor of the members' mean probabilities.

    Its origin contains what the origins of all members have in common.

    Raises:
        ValueError: There are no members, or their classes or their face boxes differ.

    Example:
        >>> members = [load("a/best.keras"), load("b/best.keras")]
        >>> labels = ensemble_predictor(members).predict(image)
    """
    if not members:
        raise ValueError("an ensemble needs at least one member; none were given")
    if any(member.classes != members[0].classes for member in members):
        raise ValueError("the members of an ensemble must have the same classes")
    if len({face_box_margin(member.origin) for member in members}) > 1:
        raise ValueError("the members of an ensemble must have the same face boxes, or none")
    first, *others = (member.origin.items() for member in members)
    origin = dict(each for each in first if all(each in other for other in others))
    of_crops = [member.of_crops for member in members]
    return predictor_of(_MeanProbabilities(of_crops), members[0].classes, origin)


def load_networks(files: Sequence[Path], views: int = 1) -> Predictor:
    """Load a saved network, or several that form an ensemble.

    Args:
        files: The networks.
        views: 2 for the mean with the mirror image, otherwise 1.

    Raises:
        UserError: As in `load`.
        ValueError: As in `ensemble_predictor`.
    """
    predictors = [load(file) for file in files]
    together = predictors[0] if len(predictors) == 1 else ensemble_predictor(predictors)
    return together.mirrored() if views == 2 else together


def is_mean(predictor: Predictor) -> bool:
    """Return whether a predictor is the mean of several predictions, which no one network makes."""
    return isinstance(predictor.of_crops, MirroredPredictor) or isinstance(
        predictor.network, _MeanProbabilities
    )
