"""BlazeFace over a pyramid of sizes and four rotations.

Source: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs".
The network, `models/face_detection_short_range.tflite`, is that of MediaPipe 0.10.21
(Apache-2.0, see NOTICE beside it), unchanged: SHA-256
bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8.

Departures: The network is convolutional, so a level of the pyramid is one image of any size, not
windows of 128 pixels. Each face found is cropped upright and detected again: its final box and
keypoints are then equally exact at all sizes and rotations, and what is no face upright is dropped.

Shapes: A anchors; h, w rows and columns of a level, multiples of 16.
"""

import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import resize_image
from faceseg.detection.crop import Square, upright_crop
from faceseg.detection.face import (
    Face,
    Pixels,
    distinct_faces,
    face_from_keypoints,
    turned_back,
)

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "models" / "face_detection_short_range.tflite"
OUTPUTS = ("regressors", "classificators")
ANCHORS = ((8, 2), (16, 6))  # pixels between two places, and anchors at each

LEVELS = (128, 256, 512)  # the longer side of a level in pixels
MAX_ENLARGEMENT = 1.0
CLOSE_UP = 128  # pixels of the upright crop
CLOSE_UP_SHARE = 0.5  # of its side that the face takes
PADDED = 16  # sides are padded to a multiple: the largest stride
MIN_CANDIDATE_SCORE, MIN_SCORE = 0.5, 0.65


class BlazeFace:
    """The detector that is part of the package; it runs in OpenCV.

    It finds faces whose box is at least about 5 % of the photograph's longer side.
    """

    def __init__(self) -> None:
        # OpenCV's newer engine returns one of the two outputs only.
        self._network = cv2.dnn.readNetFromTFLite(str(WEIGHTS), cv2.dnn.ENGINE_CLASSIC)
        self._lock = threading.Lock()  # OpenCV's networks are not safe for threads

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces of an image, uint8 RGB (H, W, 3), surest first."""
        size = image.shape[:2]
        longest = max(size)
        found = [
            face
            for side in LEVELS
            if side <= max(longest, LEVELS[0])  # a small photograph has no details for more
            for face in self._detect_on_level(image, side / longest)
        ]
        examined = (self.follow(image, face) for face in distinct_faces(found, *size))
        return distinct_faces([face for face in examined if face is not None], *size)

    def _detect_on_level(self, image: Pixels, scale: float) -> list[Face]:
        """Return the faces of an image that is resized by `scale`, in four rotations."""
        rows, columns = (max(1, round(side * scale)) for side in image.shape[:2])
        level = cv2.copyMakeBorder(
            resize_image(image, (rows, columns)),
            *(0, -rows % PADDED, 0, -columns % PADDED),
            cv2.BORDER_CONSTANT,
        )
        faces = []
        for turns in range(4):
            points, sizes, scores = self._run(np.rot90(level, turns))
            points = turned_back(points, turns, *level.shape[:2]) / scale
            faces += [_face(*each) for each in zip(points, sizes / scale, scores, strict=True)]
        return distinct_faces(faces, *image.shape[:2])

    def follow(self, image: Pixels, face: Face) -> Face | None:
        """Return a face as it is detected in its upright crop, or None if there is none.

        The face may be that of the frame before. The result is the mean of the anchors at the
        surest one, weighted by their scores (section 3.4 of the paper).
        """
        square = Square(face.centre, face.size / CLOSE_UP_SHARE, face.roll)
        crop = upright_crop(image, square, CLOSE_UP)
        points, sizes, scores = self._run(crop)
        central = _near(points, np.full(2, CLOSE_UP / 2), CLOSE_UP * CLOSE_UP_SHARE / 2)
        score = float(np.max(scores, where=central, initial=0.0))
        if score < MIN_SCORE:
            return None
        best = int(np.argmax(scores * central))
        near = _near(points, points[best, 0], sizes[best] / 2)
        points = np.average(points[near], axis=0, weights=scores[near])
        size = float(np.average(sizes[near], weights=scores[near]))
        matrix = square.to_photograph((CLOSE_UP, CLOSE_UP))
        points = (points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
        return _face(points, size * square.side / CLOSE_UP, score)

    def _run(self, image: Pixels) -> tuple[Floats, Floats, Floats]:
        """Return the anchors of an image (h, w, 3) that may be faces.

        Returns:
            The centre of the box and four keypoints, (A, 5, 2); the size of the box, (A,), all in
            pixels of the image; and the scores, (A,).
        """
        blob = cv2.dnn.blobFromImage(np.ascontiguousarray(image), 1 / 127.5, mean=(127.5,) * 3)
        with self._lock:
            self._network.setInput(blob)
            values, logits = self._network.forward(OUTPUTS)
        scores = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -80, 80)))
        sure = np.flatnonzero(scores >= MIN_CANDIDATE_SCORE)
        # Of each anchor: centre, width and height, keypoints (the last two are the ears).
        values = values.reshape(len(scores), 8, 2)[sure].astype(np.float64)
        points = values[:, [0, 2, 3, 4, 5]] + _anchors(*image.shape[:2])[sure, None]
        return points, values[:, 1].max(axis=1, initial=0.0), scores[sure]


def _anchors(rows: int, columns: int) -> Floats:
    """Return the centres (A, 2) of the anchors of an image, in the order of the outputs."""
    grids = []
    for stride, count in ANCHORS:
        y, x = np.mgrid[: rows // stride, : columns // stride]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * stride
        grids.append(np.repeat(centres, count, axis=0))
    return np.concatenate(grids)


def _face(points: Floats, size: float, score: float) -> Face:
    x, y = (float(each - size / 2) for each in points[0])
    return face_from_keypoints((x, y, float(size), float(size)), float(score), points[1:])


def _near(points: Floats, place: Floats, distance: float) -> NDArray[np.bool_]:
    """Return which anchors' boxes have their centre within a distance of a place."""
    return np.asarray(np.linalg.norm(points[:, 0] - place, axis=1) < distance)
