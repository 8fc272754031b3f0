"""The preprocessing of a training on face boxes: each image is cropped to its labelled face.

The detector is that of the prediction (`faceseg.inference.face_box`), because landmarks, which some
data sets have, would give boxes of other places and sizes than a photograph without landmarks gets.
"""

import threading
from collections.abc import Mapping

import numpy as np
from pydantic import JsonValue

from faceseg.data.classes import ClassSet
from faceseg.data.source import Pair
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import Framing, Square, natural_crop, upright_labels
from faceseg.detection.face import Face, FaceDetector, Pixels


class FaceBox:
    """Crops labelled images to the upright square of their face (`faceseg.data.cropping`).

    Args:
        margin: The margin on each side, as a share of the face's box.
        detector: Finds the faces; None for one BlazeFace a thread.
    """

    def __init__(self, margin: float, detector: FaceDetector | None = None) -> None:
        self.margin = margin
        self.framing = Framing.with_margin(margin)
        self._given = detector
        self._of_thread = threading.local()

    def identity(self) -> Mapping[str, JsonValue]:
        """Return the margin."""
        return {"margin": self.margin}

    def crop(self, image: Pixels, labels: Pixels, classes: ClassSet) -> Pair | None:
        """Return the crop of an image (H, W, 3) and of its labels (H, W); None without a face.

        Of several faces, it is the one with the most labelled pixels in its box. A box without a
        labelled pixel is no face. Pixels of the crop beyond the image's border are reflected, and
        their labels are `IGNORE`.
        """
        face = labelled_face(self._detector.detect(image), np.isin(labels, classes.face))
        if face is None:
            return None
        square = self.framing.square(face)
        crop = natural_crop(image, square)
        return crop, upright_labels(labels, square, len(crop))

    @property
    def _detector(self) -> FaceDetector:
        if self._given is not None:
            return self._given
        if not hasattr(self._of_thread, "detector"):  # a shared one would be used in turns
            self._of_thread.detector = BlazeFace()
        detector: FaceDetector = self._of_thread.detector
        return detector


def labelled_face(
    faces: list[Face], labelled: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> Face | None:
    """Return the face with the most labelled pixels (H, W) in its box; None if none has one."""
    counts = []
    for face in faces:
        rows, columns = Square(face.centre, face.size, 0.0).bounds(labelled.shape)
        counts.append(int(np.count_nonzero(labelled[rows, columns])))
    if not any(counts):
        return None
    return faces[counts.index(max(counts))]
