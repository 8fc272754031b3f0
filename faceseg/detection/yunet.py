"""YuNet, in OpenCV, at two sizes and four rotations; its file is given by a path.

Source: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector". The file is part of
OpenCV's model zoo (`face_detection_yunet_2023mar.onnx`, MIT), not of this package.
"""

import threading
from pathlib import Path

import cv2
import numpy as np

from faceseg.data.image_files import is_utf8, printable
from faceseg.data.images import resize_image
from faceseg.detection.face import (
    Face,
    Pixels,
    distinct_faces,
    face_from_keypoints,
    turned_back,
)
from faceseg.errors import UserError, first_line

LEVELS = (320, 1024)  # the longer side in pixels; the network finds faces of 10 to 300 pixels
MIN_SCORE, MAX_OVERLAP, MAX_FOUND = 0.7, 0.3, 100


class YuNet:
    """The detector of an ONNX file of YuNet.

    Raises:
        UserError: The file does not exist, its path is not UTF-8, or OpenCV cannot run it as YuNet.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            found = "is a folder" if path.is_dir() else "does not exist"
            raise UserError(f"{printable(path)} {found}; expected an ONNX file of YuNet")
        if not is_utf8(str(path)):  # OpenCV ends the process without a message
            raise UserError(
                f"{printable(path)} is not UTF-8, which OpenCV requires of a detector's path; "
                "rename it, or give a link to it"
            )
        self._lock = threading.Lock()
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(path), "", (LEVELS[0], LEVELS[0]), MIN_SCORE, MAX_OVERLAP, MAX_FOUND
            )
            self._detect_on_level(np.zeros((32, 32, 3), np.uint8), 1.0)
        except cv2.error as error:
            raise UserError(
                f"{path} cannot be used as a detector: {first_line(error)}. Expected an ONNX file "
                "of YuNet, such as face_detection_yunet_2023mar.onnx"
            ) from error

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces of an image, uint8 RGB (H, W, 3), surest first."""
        longest = max(image.shape[:2])
        levels = [side for side in LEVELS if side <= longest] or [longest]
        return distinct_faces(
            [face for side in levels for face in self._detect_on_level(image, side / longest)],
            *image.shape[:2],
        )

    def _detect_on_level(self, image: Pixels, scale: float) -> list[Face]:
        """Return the faces of an image that is resized by `scale`, in four rotations."""
        rows, columns = (max(1, round(side * scale)) for side in image.shape[:2])
        level = cv2.cvtColor(resize_image(image, (rows, columns)), cv2.COLOR_RGB2BGR)
        faces = []
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(level, turns))
            with self._lock:
                self._network.setInputSize(turned.shape[1::-1])
                _, found = self._network.detect(turned)
            for values in () if found is None else found.astype(np.float64):
                x, y, width, height = values[:4]
                left, right, nose, *corners = values[4:14].reshape(5, 2)
                points = np.array([left, right, nose, np.mean(corners, axis=0)])
                centre = np.array([[x + width / 2, y + height / 2]])
                points = turned_back(np.concatenate([centre, points]), turns, rows, columns)
                points, size = points / scale, max(width, height) / scale
                x, y = points[0] - size / 2
                box = (float(x), float(y), float(size), float(size))
                faces.append(face_from_keypoints(box, float(values[14]), points[1:]))
        return faces
