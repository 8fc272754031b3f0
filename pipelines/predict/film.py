"""The overlay video that `faceseg predict --video` writes: whole, or absent.

OpenCV reports neither a frame that it could not write nor a full disk.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError
from pipelines.predict.results import unwritable

Frame = NDArray[np.uint8]

CODEC = "mp4v"
# Kept free for the end of the film and for the class shares: bytes, and bytes of a frame.
SPARE, SPARE_OF_FRAME = 2_000_000, 2_000


class DiskNearlyFull(Exception):  # noqa: N818  # a state of the disk: the film can be finished
    """Too little space is left for another frame and the results of those before."""


class FilmWriter:
    """Writes the frames of a film; the size of the first is that of all."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.frames, self._rate = path, 0, rate
        self._writer: Any = None

    def write(self, frame: Frame) -> None:
        """Write a frame (H, W, 3), RGB.

        Raises:
            DiskNearlyFull: The disk has too little space.
            UserError: OpenCV cannot encode it.
        """
        free = shutil.disk_usage(self.path.parent).free
        if free < SPARE + SPARE_OF_FRAME * self.frames + frame.nbytes:
            raise DiskNearlyFull(
                f"{self.path.parent} has only {free / 1e6:.1f} MB free. Advice: free some space, "
                "or give another --out"
            )
        if self._writer is None:
            self._writer = self._open(frame)
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def release(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()

    def _open(self, frame: Frame) -> Any:
        height, width = frame.shape[:2]
        writer = cv2.VideoWriter(
            str(self.path), cv2.VideoWriter.fourcc(*CODEC), self._rate, (width, height)
        )
        if not writer.isOpened():
            raise UserError(
                f"a film of {width} x {height} pixels cannot be written to {self.path.parent}: "
                f"OpenCV has no {CODEC} encoder here, or none for this size"
            )
        return writer


@contextmanager
def film_file(path: Path, rate: float) -> Iterator[FilmWriter]:
    """Yield the writer of a film, which takes the place of an older one once it is whole.

    Args:
        path: The file, whose name ends in `.mp4`. Without a frame, none is written.
        rate: Frames per second.

    Raises:
        UserError: The file cannot be written, or not every frame could be.
    """
    unfinished = path.with_name(f".{os.getpid()}.unfinished.mp4")
    try:
        with _as_user_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.touch()
        writer = FilmWriter(unfinished, rate)
        try:
            yield writer
        finally:
            writer.release()
        if writer.frames:
            _check_whole(path, writer)
            with _as_user_errors(path):
                unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _check_whole(path: Path, writer: FilmWriter) -> None:
    """Raise UserError unless a film has all its frames; after an error it has no index of them."""
    film = cv2.VideoCapture(str(writer.path), cv2.CAP_FFMPEG)
    stored = round(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    film.release()
    if stored != writer.frames:
        raise UserError(
            f"{path} cannot be written: {stored} of {writer.frames} frames can be read again, so "
            "that nothing was kept. Advice: free some space, raise a limit of files (`ulimit -f`), "
            "or give another --out"
        )


@contextmanager
def _as_user_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error
