"""`faceseg predict --video`: label a video or a camera frame by frame, as an overlay video."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from faceseg.data.image_files import is_utf8, printable
from faceseg.errors import UserError
from faceseg.inference.label_maps import label_maps
from faceseg.inference.predictor import Predictor
from pipelines.models.loading import open_model
from pipelines.predict.photographs import PredictOptions, batches
from pipelines.predict.results import class_shares, overlay, write_atomically

Frame = NDArray[np.uint8]

CODEC = "mp4v"
DEFAULT_FRAME_RATE = 25.0  # frames per second, for cameras that report none


def label_video(
    model: str,
    video: str,
    options: PredictOptions,
    console: Console,
    *,
    frames: int | None = None,
) -> None:
    """Write `<name>.mp4`, the overlay, and `<name>.json`, the class shares of each frame.

    Stops at the end of the video, after `frames` frames, or at Ctrl-C; the frames labelled
    until then are kept.

    Args:
        model: A registry address, a run, a `.keras` file or an exported file.
        video: A video file, or the number of a camera.
        options: The options of the command line.
        console: Receives the closing message.
        frames: The maximum number of frames; None for no limit.

    Raises:
        UserError: The video cannot be read, or a result exists and may not be overwritten.
    """
    name = f"camera-{video}" if video.isdigit() else Path(video).stem
    for path in (video, options.out):
        if not is_utf8(str(path)):  # OpenCV ends the process without a message
            raise UserError(
                f"{printable(path)} is not UTF-8, which OpenCV requires of a video's path; rename "
                "it, or give a link to it"
            )
    film, shares = options.out / f"{name}.mp4", options.out / f"{name}.json"
    if not options.overwrite and (existing := [path for path in (film, shares) if path.exists()]):
        raise UserError(
            f"{existing[0]} would be overwritten; give another folder with --out, or --overwrite"
        )
    with _open_capture(video) as capture:
        predictor = open_model(model, options.tracking, gpu=options.gpu)
        options.out.mkdir(parents=True, exist_ok=True)
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if rate > 0 else DEFAULT_FRAME_RATE
        found: list[dict[str, float]] = []
        size = 1 if video.isdigit() else options.batch
        try:
            _label_frames(
                predictor, batches(_frames(capture, frames), size), (film, rate), options, found
            )
        except KeyboardInterrupt:
            console.print(f"stopped after {len(found)} frames")
    if not found:
        raise UserError(f"{video} contains no readable frame; nothing was written")
    text = json.dumps({"model": model, "video": video, "rate": rate, "frames": found}, indent=1)
    write_atomically(shares, (text + "\n").encode())
    console.print(f"{len(found)} frames labelled: {film} and {shares}", highlight=False)


def _label_frames(
    predictor: Predictor,
    frames: Iterator[list[Frame]],
    film: tuple[Path, float],
    options: PredictOptions,
    found: list[dict[str, float]],
) -> None:
    """Write the overlay of each frame, and append its class shares to `found`.

    film: the video file to write and its frame rate. An interrupt leaves a readable file.
    """
    writer: Any = None
    try:
        for batch in frames:
            maps = label_maps(predictor, batch, flip=options.flip, clean=options.clean)
            for frame, labels in zip(batch, maps, strict=True):
                writer = writer or _writer(*film, frame)
                blended = overlay(frame, labels, predictor.classes)
                writer.write(cv2.cvtColor(blended, cv2.COLOR_RGB2BGR))
                found.append(class_shares(labels, predictor.classes))
    finally:
        if writer is not None:
            writer.release()


@contextmanager
def _open_capture(video: str) -> Iterator[Any]:
    """Open a video file, or a camera by its number."""
    if not video.isdigit() and not Path(video).is_file():
        raise UserError(f"{video} does not exist; expected a video file or the number of a camera")
    capture = cv2.VideoCapture(int(video) if video.isdigit() else video)
    try:
        if not capture.isOpened():
            name = f"camera {video}" if video.isdigit() else video
            raise UserError(f"{name} cannot be opened as a video")
        yield capture
    finally:
        capture.release()


def _frames(capture: Any, limit: int | None) -> Iterator[Frame]:
    """Yield at most `limit` frames (H, W, 3), RGB."""
    count = 0
    while limit is None or count < limit:
        available, frame = capture.read()
        if not available:
            return
        count += 1
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _writer(path: Path, rate: float, frame: Frame) -> Any:
    height, width = frame.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), rate, (width, height))
    if not writer.isOpened():
        raise UserError(f"{path} cannot be written: OpenCV has no {CODEC} encoder here")
    return writer
