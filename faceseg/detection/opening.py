"""The detector that a user chooses."""

from pathlib import Path

from faceseg.detection.face import FaceDetector


def open_detector(path: Path | None = None) -> FaceDetector:
    """Return YuNet from an ONNX file, or BlazeFace, which is part of the package.

    Raises:
        UserError: The file cannot be used.
    """
    if path is None:
        from faceseg.detection.blazeface import BlazeFace

        return BlazeFace()
    from faceseg.detection.yunet import YuNet

    return YuNet(path)
