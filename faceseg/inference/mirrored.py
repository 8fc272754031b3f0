"""The mean of a network's logits for an image and for its mirror image.

Logits are averaged, not probabilities: resizing them to the photograph and averaging are both
linear, so their order does not matter, and two views of one network have the same scale (members
of an ensemble do not, which is why theirs are probabilities).

Shapes: N images, h rows, w columns of the grid, C classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.inference.predictor import Image, Predictor


class MirroredPredictor(Predictor):
    """A predictor that runs its network twice: on each image and on its mirror image.

    It is equivariant: the mirror image's logits are the mirrored logits, with left and right
    classes exchanged.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor.network, predictor.classes, predictor.origin)
        self._predictor = predictor  # its traced function is used, not a second one

    def logits(self, images: Sequence[Image], usual: int = 0) -> NDArray[np.float32]:
        """Return the mean logits (N, h, w, C); the arguments are those of `Predictor.logits`."""
        plain = self._predictor.logits(images, usual)
        mirrors = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        return mean_of_views(plain, self._predictor.logits(mirrors, usual), self.classes)

    def mirrored(self) -> "MirroredPredictor":
        """Return this predictor: its mean already includes the mirror image."""
        return self


def mean_of_views(
    plain: NDArray[np.float32], mirror: NDArray[np.float32], classes: ClassSet
) -> NDArray[np.float32]:
    """Return the mean of logits (..., h, w, C) of images and of their mirror images.

    Args:
        plain: The logits of the images.
        mirror: The logits of the mirror images. They are mirrored back, and left and right
            classes are exchanged back.
        classes: The classes of the logits.
    """
    back = mirror[..., ::-1, :][..., classes.flip_table[: len(classes)]]
    return np.asarray(np.mean([plain, back], axis=0, dtype=np.float32))
