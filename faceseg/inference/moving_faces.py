"""Labels of the faces of a video, with less flicker.

Each face is tracked, labelled in its upright crop and pasted back as in a photograph. Its flicker
is damped in the crop (`faceseg.inference.steady`): the crop moves with the face, so that little
motion is left in it.

Shapes: H, W the frame's own size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.detection.crop import Framing
from faceseg.detection.face import FaceDetector
from faceseg.detection.tracks import FaceTracks, Track
from faceseg.inference.faces import LabelledFaces, crops_with_logits, paste_faces
from faceseg.inference.label_maps import mean_logits, remove_small_islands
from faceseg.inference.predictor import Image, Labels, Predictor, labels_from_logits
from faceseg.inference.steady import SteadyLogits

Logits = NDArray[np.float32]

WHOLE_FRAME = -1  # in place of a track's number


class MovingFaces:
    """Labels the faces of one video; its frames must be given in order.

    Args:
        predictor: The network.
        detector: Finds the faces (see `faceseg.detection`).
        framing: The place of a face in its crop; None for that of the network's training.
        steady: Whether to damp the flicker.
        flip: As in `label_maps`.
        clean: As in `label_faces`.
        batch: Crops per call of the network.

    Example:
        >>> label = MovingFaces(faceseg.load("best.keras"), BlazeFace())
        >>> maps = [label(frame).labels for frame in frames]
    """

    def __init__(
        self,
        predictor: Predictor,
        detector: FaceDetector,
        *,
        framing: Framing | None = None,
        steady: bool = True,
        flip: bool = False,
        clean: bool = False,
        batch: int = 8,
    ) -> None:
        self._predictor = predictor.of_crops
        self._framing = framing or Framing.of(predictor.origin)
        self._steady, self._flip, self._clean, self._batch = steady, flip, clean, batch
        self._tracks = FaceTracks(detector)
        self._damping: dict[int, SteadyLogits] = {}  # by the number of the track

    def __call__(self, frame: Image) -> LabelledFaces:
        """Return the labels of a frame, uint8 RGB (H, W, 3); without a face, of the whole frame.

        Raises:
            ValueError: The frame has another type or shape (see `Predictor.predict`).
        """
        self._predictor.check_image(frame)
        tracks = self._tracks(frame)
        numbers = [track.number for track in tracks] or [WHOLE_FRAME]
        self._damping = {each: self._damping.get(each) or SteadyLogits() for each in numbers}
        labels = self._of_faces(frame, tracks) if tracks else self._of_frame(frame)
        return LabelledFaces(labels, tuple(track.face for track in tracks))

    def _of_faces(self, frame: Image, tracks: Sequence[Track]) -> Labels:
        squares = [self._framing.square(track.face) for track in tracks]
        crops = crops_with_logits(
            self._predictor, frame, squares, flip=self._flip, batch=self._batch
        )
        logits = [
            self._damped(track.number, crop, values)
            for track, (crop, values) in zip(tracks, crops, strict=True)
        ]
        return paste_faces(logits, squares, (frame.shape[0], frame.shape[1]), clean=self._clean)

    def _of_frame(self, frame: Image) -> Labels:
        (logits,) = mean_logits(self._predictor, [frame], self._flip)
        labels = labels_from_logits(self._damped(WHOLE_FRAME, frame, logits), frame.shape[:2])
        return remove_small_islands(labels) if self._clean else labels

    def _damped(self, number: int, image: Image, logits: Logits) -> Logits:
        return self._damping[number](image, logits) if self._steady else logits
