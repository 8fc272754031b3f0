"""`faceseg predict --video`: label a video or a camera frame by frame, as an overlay video."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from faceseg.data.classes import ClassSet
from faceseg.data.decoding import MAX_PIXELS
from faceseg.data.image_files import is_utf8, printable
from faceseg.detection.face import Face, FaceDetector
from faceseg.errors import UserError
from faceseg.inference.label_maps import mean_logits, remove_small_islands
from faceseg.inference.moving_faces import MovingFaces
from faceseg.inference.predictor import Predictor, labels_from_logits
from faceseg.inference.steady import SteadyLogits
from pipelines.models.loading import open_model
from pipelines.predict.film import DiskNearlyFull, FilmWriter, film_file
from pipelines.predict.photographs import PredictOptions, batches, chosen_detector, detector_of
from pipelines.predict.results import class_shares, list_faces, overlay, write_results

Frame = NDArray[np.uint8]

DEFAULT_FRAME_RATE = 25.0  # frames per second, for cameras that report none
MAX_FRAME_RATE = 1000.0  # beyond it, or its inverse, the header is wrong


def label_video(
    model: str,
    video: str,
    options: PredictOptions,
    console: Console,
    *,
    frames: int | None = None,
) -> None:
    """Write `<name>.mp4`, the overlay, and `<name>.json`, the class shares of each frame.

    With `options.faces`, the JSON also lists the faces of each frame.

    Stops at the end of the video, after `frames` frames, or at Ctrl-C; the frames labelled
    until then are kept.

    Args:
        model: A registry address, a run, a `.keras` file or an exported file.
        video: A video file, or the number of a camera.
        options: The options of the command line.
        console: Receives the closing message.
        frames: The maximum number of frames; None for no limit.

    Raises:
        UserError: The video cannot be read, a result exists and may not be overwritten or cannot
            be written, the detector's file cannot be used, or the disk is nearly full; the frames
            labelled until then are kept.
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
    if os.path.realpath(film) == os.path.realpath(video):
        raise UserError(f"{film} is the video itself; give another folder with --out")
    detector = chosen_detector(options)
    found: list[dict[str, Any]] = []
    with _open_capture(video) as capture:
        predictor = open_model(model, options.tracking, gpu=options.gpu)
        detector = detector or detector_of(predictor)
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 / MAX_FRAME_RATE <= rate <= MAX_FRAME_RATE else DEFAULT_FRAME_RATE
        size = 1 if video.isdigit() else options.batch
        full = ""
        with film_file(film, rate) as writer:
            try:
                read = batches(_frames(capture, frames), size)
                labelled = _labelled(predictor, read, options, detector)
                _write_frames(labelled, predictor.classes, writer, found)
            except KeyboardInterrupt:
                console.print(f"stopped after {len(found)} frames")
            except DiskNearlyFull as error:
                full = str(error)
    if not found:
        raise UserError(full or f"{video} contains no readable frame; nothing was written")
    results = {"model": model, "video": video, "rate": rate, "steady": options.steady}
    text = json.dumps({**results, **_by_frame(found)}, indent=1)
    write_results({shares: (text + "\n").encode()})
    if full:
        raise UserError(
            f"{full}. Stopped after {len(found)} frames, which are kept: {film} and {shares}"
        )
    console.print(
        f"{len(found)} frames labelled: {film} and {shares}{_without_face(found)}", highlight=False
    )


def _labelled(
    predictor: Predictor,
    frames: Iterator[list[Frame]],
    options: PredictOptions,
    detector: FaceDetector | None,
) -> Iterator[tuple[Frame, Frame, Sequence[Face] | None]]:
    """Yield each frame with its labels; with a detector, also with its faces."""
    if detector is not None:
        label = MovingFaces(
            predictor,
            detector,
            steady=options.steady,
            flip=options.flip,
            clean=options.clean,
            batch=options.batch,
        )
        for frame in (frame for batch in frames for frame in batch):
            found = label(frame)
            yield frame, found.labels, found.faces
        return
    damp = SteadyLogits() if options.steady else None
    for batch in frames:
        for frame, logits in zip(batch, mean_logits(predictor, batch, options.flip), strict=True):
            values = logits if damp is None else damp(frame, logits)
            labels = labels_from_logits(values, frame.shape[:2])
            yield frame, remove_small_islands(labels) if options.clean else labels, None


def _write_frames(
    labelled: Iterable[tuple[Frame, Frame, Sequence[Face] | None]],
    classes: ClassSet,
    writer: FilmWriter,
    found: list[dict[str, Any]],
) -> None:
    """Write the overlay of each frame; append its class shares, and its faces, to `found`."""
    for frame, labels, faces in labelled:
        writer.write(overlay(frame, labels, classes))
        listed = {} if faces is None else {"faces": list_faces(faces)}
        found.append({"shares": class_shares(labels, classes), **listed})


def _by_frame(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the class shares of all frames, and their faces if these were looked for."""
    names = {"shares": "frames", "faces": "faces"}
    return {names[key]: [each[key] for each in found] for key in found[0]}


def _without_face(found: Sequence[Mapping[str, Any]]) -> str:
    """Return in how many frames no face was found, if there are such frames."""
    count = sum(not each.get("faces", True) for each in found)
    return f"; no face in {count} of them, which were labelled as a whole" if count else ""


@contextmanager
def _open_capture(video: str) -> Iterator[Any]:
    """Open a video file, or a camera by its number, whose frames have at most `MAX_PIXELS`."""
    if not video.isdigit() and not Path(video).is_file():
        raise UserError(f"{video} does not exist; expected a video file or the number of a camera")
    # Of a file by FFmpeg only: another reader takes `photo-1.png` for a series of images.
    capture = (
        cv2.VideoCapture(int(video)) if video.isdigit() else cv2.VideoCapture(video, cv2.CAP_FFMPEG)
    )
    try:
        name = f"camera {video}" if video.isdigit() else video
        if not capture.isOpened():
            raise UserError(f"{name} cannot be opened as a video")
        width, height = (
            round(capture.get(each))
            for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width * height > MAX_PIXELS:  # OpenCV scales every frame to this size
            raise UserError(
                f"{name}: frames of {width} x {height} pixels are too large; expected at most "
                f"{MAX_PIXELS:,} pixels. Give a video that was scaled down"
            )
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
