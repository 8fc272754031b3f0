"""Prediction with a network that was trained on face boxes: crop, predict, paste back.

Every face that the detector finds is cropped upright, as in the training, and labelled; all other
pixels are background. An image without a face is labelled as a whole, as the training used it.

Shapes: N images; H, W an image's own size; h, w the network's grid; C classes.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import Framing, Square, face_box_margin, natural_crop
from faceseg.detection.face import FaceDetector
from faceseg.inference.channels import by_channels
from faceseg.inference.faces import label_faces
from faceseg.inference.predictor import Image, Labels, Predictor, resize_logits

if TYPE_CHECKING:
    import keras

Logits = NDArray[np.float32]

FINER = 2  # times the network's grid: a crop shows a part of the image only
ABSENT = -20.0  # the logit of the other classes outside of the crops, where background has 0
logger = logging.getLogger(__name__)


def predictor_of(
    network: "keras.Model", classes: ClassSet, origin: Mapping[str, Any] | None = None
) -> Predictor:
    """Return the predictor of a network, which crops if its training did (`face_box`)."""
    predictor = Predictor(network, classes, origin)
    is_on_boxes = face_box_margin(predictor.origin) is not None
    return FaceBoxPredictor(predictor) if is_on_boxes else predictor


class FaceBoxPredictor(Predictor):
    """A predictor of whole photographs whose network was trained on face boxes.

    Args:
        predictor: The predictor of the crops.
        detector: Finds the faces; None for BlazeFace.
    """

    def __init__(self, predictor: Predictor, detector: FaceDetector | None = None) -> None:
        super().__init__(predictor.network, predictor.classes, predictor.origin)
        self._predictor = predictor
        self._given = detector

    @property
    def of_crops(self) -> Predictor:
        """The predictor of images that are cropped to a face already."""
        return self._predictor

    @cached_property
    def detector(self) -> FaceDetector:
        """The detector of the faces."""
        return self._given or BlazeFace()

    def mirrored(self) -> "FaceBoxPredictor":
        """Return a predictor of the mean for each crop and its mirror image."""
        return FaceBoxPredictor(self._predictor.mirrored(), self.detector)

    def predict(self, image: Image) -> Labels:
        """Return the labels (H, W) of one image (H, W, 3); log a warning if it has no face.

        The crops are pasted at the image's own size, not on the grid of `logits`.

        Raises:
            ValueError: As in `Predictor.predict`.
        """
        found = label_faces(self, image, self.detector)
        if not found.faces:
            logger.warning("no face was found; the whole image was labelled")
        return found.labels

    def logits(self, images: Sequence[Image], usual: int = 0) -> Logits:
        """Return the logits of whole images on a grid of twice the network's: (N, 2h, 2w, C).

        The arguments are those of `Predictor.logits`.
        """
        framing = Framing.of(self.origin)
        squares = [[framing.square(face) for face in self.detector.detect(each)] for each in images]
        views = [
            view
            for image, found in zip(images, squares, strict=True)
            for view in ([natural_crop(image, square) for square in found] or [image])
        ]
        step = max(usual, len(images))
        predicted = iter(
            logits
            for first in range(0, len(views), step)
            for logits in self._predictor.logits(views[first : first + step], usual)
        )
        grid = (FINER * self.grid[0], FINER * self.grid[1])
        return np.stack(
            [
                paste_logits([next(predicted) for _ in found], found, image.shape[:2], grid)
                if found
                else resize_logits(next(predicted), grid)
                for image, found in zip(images, squares, strict=True)
            ]
        )


def paste_logits(
    logits: Sequence[Logits],
    squares: Sequence[Square],
    size: tuple[int, ...],
    grid: tuple[int, int],
) -> Logits:
    """Return the logits of a whole image on a grid (rows, columns, C) from those of its squares.

    As in `faceseg.inference.faces.paste_faces`, a place in several squares gets the logits of that
    whose centre is the nearest, measured in sides of the square. Other places are background.

    Args:
        logits: The logits (h, w, C) of each square, at least one.
        squares: The squares, in the order of the logits.
        size: The image's size (H, W).
        grid: The rows and columns of the result.
    """
    rows, columns = grid
    scale = np.array([size[1] / columns, size[0] / rows])
    to_image = np.column_stack([np.diag(scale), (scale - 1) / 2])
    pasted = np.full((rows, columns, logits[0].shape[2]), ABSENT, np.float32)
    pasted[..., 0] = 0
    least = np.full(grid, 0.5, np.float32)  # of a side: a square's border
    y, x = np.indices(grid, dtype=np.float32)
    for square, values in zip(squares, logits, strict=True):
        (a, b, c), (d, e, f) = _then(to_image, square.to_photograph((1, 1)))
        distance = np.maximum(np.abs(a * x + b * y + c), np.abs(d * x + e * y + f))
        nearest = distance <= least
        warped = _warp(values, _then(to_image, square.to_photograph(values.shape[:2])), grid)
        pasted[nearest] = warped[nearest]
        least[nearest] = distance[nearest]
    return pasted


def _then(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine map (2, 3) of `first` and then the inverse of `second`."""
    inverse = np.asarray(cv2.invertAffineTransform(second), np.float64)
    return np.column_stack(
        [inverse[:, :2] @ first[:, :2], inverse[:, :2] @ first[:, 2] + inverse[:, 2]]
    )


def _warp(logits: Logits, matrix: NDArray[np.float64], grid: tuple[int, int]) -> Logits:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return by_channels(
        lambda part: cv2.warpAffine(
            part, matrix, grid[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        ),
        logits,
    )
