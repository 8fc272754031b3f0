"""`faceseg predict --video`: a film or a camera, frame by frame, as an overlay film."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from faceseg.errors import UserError
from faceseg.inference.label_maps import label_maps
from pipelines.models.loading import open_model
from pipelines.predict.photographs import PredictOptions, batches
from pipelines.predict.results import class_shares, overlay, write_atomically

Frame = NDArray[np.uint8]

CODEC = "mp4v"
DEFAULT_FRAME_RATE = 25.0  # frames a second, where a camera does not say


def label_video(
    model: str,
    video: str,
    options: PredictOptions,
    console: Console,
    *,
    frames: int | None = None,
) -> None:
    """Write `<name>.mp4`, the overlay, and `<name>.json`, the class shares of each frame.

    Ends with the film, after `frames` frames, or with Ctrl-C: what there is then is kept.
    """
    name = f"camera-{video}" if video.isdigit() else Path(video).stem
    film, told = options.out / f"{name}.mp4", options.out / f"{name}.json"
    if not options.overwrite and (there := [path for path in (film, told) if path.exists()]):
        raise UserError(
            f"{there[0]} would be replaced; give another folder with --out, or --overwrite"
        )
    with _open_capture(video) as capture:
        predictor = open_model(model, options.tracking, gpu=options.gpu)
        options.out.mkdir(parents=True, exist_ok=True)
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if rate > 0 else DEFAULT_FRAME_RATE
        writer: Any = None
        found: list[dict[str, float]] = []
        try:
            for batch in batches(_frames(capture, frames), 1 if video.isdigit() else options.batch):
                maps = label_maps(predictor, batch, flip=options.flip, clean=options.clean)
                for frame, labels in zip(batch, maps, strict=True):
                    writer = writer or _writer(film, rate, frame)
                    shown = overlay(frame, labels, predictor.classes)
                    writer.write(cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
                    found.append(class_shares(labels, predictor.classes))
        except KeyboardInterrupt:
            console.print(f"stopped after {len(found)} frames")
        finally:
            if writer is not None:
                writer.release()
    if not found:
        raise UserError(f"{video} has no frame that can be read; nothing was written")
    text = json.dumps({"model": model, "video": video, "rate": rate, "frames": found}, indent=1)
    write_atomically(told, (text + "\n").encode())
    console.print(f"{len(found)} frames labelled: {film}, and {told}", highlight=False)


@contextmanager
def _open_capture(video: str) -> Iterator[Any]:
    """Open a film, or a camera by its number; UserError if that cannot be done."""
    if not video.isdigit() and not Path(video).is_file():
        raise UserError(f"there is no file {video}; expected a film, or the number of a camera")
    capture = cv2.VideoCapture(int(video) if video.isdigit() else video)
    try:
        if not capture.isOpened():
            what = f"camera {video}" if video.isdigit() else video
            raise UserError(f"{what} cannot be opened as a video")
        yield capture
    finally:
        capture.release()


def _frames(capture: Any, most: int | None) -> Iterator[Frame]:
    """Yield frames (H, W, 3), RGB."""
    count = 0
    while most is None or count < most:
        there, frame = capture.read()
        if not there:
            return
        count += 1
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _writer(path: Path, rate: float, frame: Frame) -> Any:
    height, width = frame.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), rate, (width, height))
    if not writer.isOpened():
        raise UserError(f"{path} cannot be written: OpenCV has no encoder {CODEC} here")
    return writer
