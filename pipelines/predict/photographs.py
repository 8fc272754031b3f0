"""`faceseg predict`: write masks, overlays and class shares of photographs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from faceseg.detection.crop import face_box_margin
from faceseg.detection.face import Face, FaceDetector
from faceseg.detection.opening import open_detector
from faceseg.errors import UserError
from faceseg.inference.faces import label_faces
from faceseg.inference.label_maps import label_maps
from faceseg.inference.predictor import Predictor
from pipelines.models.loading import open_model
from pipelines.predict.image_files import find_images, result_names
from pipelines.predict.results import (
    SHARES_FILE,
    ResultsFolder,
    refuse_overwriting,
    refuse_overwriting_inputs,
)

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The options of `faceseg predict`.

    Attributes:
        out: The output folder.
        flip: Whether to average with the prediction for the mirrored image.
        clean: Whether to remove small islands of a class.
        faces: Whether to find the faces and to label each as its own crop.
        detector: An ONNX file of YuNet, which finds the faces; None for BlazeFace.
        steady: Whether to damp the flicker of a video's labels.
        batch: Images per call of the network.
        overwrite: Whether existing results may be overwritten.
        gpu: Whether to run on the GPU.
        tracking: The MLflow tracking URI, for models that are stored in MLflow.
    """

    out: Path
    flip: bool = False
    clean: bool = False
    faces: bool = False
    detector: Path | None = None
    steady: bool = True
    batch: int = 8
    overwrite: bool = False
    gpu: bool = False
    tracking: str | None = None


@dataclass(frozen=True)
class InputImage:
    """An image that was read: the name of its result, its file and its pixels (H, W, 3)."""

    name: str
    file: Path
    pixels: NDArray[np.uint8]


def chosen_detector(options: PredictOptions) -> FaceDetector | None:
    """Return the detector of the options; None without `faces`.

    Raises:
        UserError: The file of the detector cannot be used, or is given without `faces`.
    """
    if options.faces:
        return open_detector(options.detector)
    if options.detector is not None:
        raise UserError("--detector is for --faces, which is missing")
    return None


def detector_of(predictor: Predictor) -> FaceDetector | None:
    """Return a detector for a network that was trained on face boxes; None for another one."""
    return None if face_box_margin(predictor.origin) is None else open_detector()


def label_photographs(
    model: str, patterns: Sequence[str], options: PredictOptions, console: Console
) -> bool:
    """Label all images that can be read, and print how many.

    Args:
        model: A registry address, a run, a `.keras` file or an exported file.
        patterns: Files, folders or patterns of images (see `find_images`).
        options: The options of the command line.
        console: Receives the progress bar and the warnings.

    Returns:
        Whether all images could be read. Unreadable images are printed and listed in
        `shares.json`.

    Raises:
        UserError: No image could be read, a result exists and may not be overwritten, or a result
            would replace an image; or the detector's file cannot be used.
    """
    detector = chosen_detector(options)
    files = find_images(patterns, options.out)
    names = result_names(files)
    refuse_overwriting_inputs(options.out, names, files)
    if not options.overwrite:
        refuse_overwriting(options.out, names)
    predictor = open_model(model, options.tracking, gpu=options.gpu)
    detector = detector or detector_of(predictor)
    results = ResultsFolder(options.out, predictor.classes)
    unreadable: dict[str, str] = {}
    facts = {
        "model": model,
        "flip": options.flip,
        "clean": options.clean,
        **({} if detector is None else {"faces": True}),
    }
    with (
        Progress(console=console, disable=not console.is_terminal) as progress,
        _listed(results, unreadable, facts),
    ):
        named = progress.track(list(zip(files, names, strict=True)), description="labelling")
        for batch in batches(_readable(named, unreadable, console), options.batch):
            labelled = _labelled(predictor, batch, detector, options)
            for each, (labels, faces) in zip(batch, labelled, strict=True):
                results.write(each.name, each.file, each.pixels, labels, faces)
    if not results.images:
        raise UserError(f"none of {len(files)} images could be read; nothing was written")
    if detector is not None:
        console.print(results.face_counts(), highlight=False)
    console.print(
        f"{len(results.images)} of {len(files)} images labelled; masks, overlays and shares.json "
        f"are in {options.out}",
        highlight=False,
    )
    return not unreadable


def _labelled(
    predictor: Predictor,
    batch: Sequence[InputImage],
    detector: FaceDetector | None,
    options: PredictOptions,
) -> Iterator[tuple[NDArray[np.uint8], Sequence[Face] | None]]:
    """Yield the labels of each image; with a detector, also its faces."""
    flip, clean = options.flip, options.clean
    if detector is None:
        maps = label_maps(predictor, [each.pixels for each in batch], flip=flip, clean=clean)
        yield from ((labels, None) for labels in maps)
        return
    for each in batch:
        found = label_faces(
            predictor, each.pixels, detector, flip=flip, clean=clean, batch=options.batch
        )
        yield found.labels, found.faces


@contextmanager
def _listed(
    results: ResultsFolder, unreadable: Mapping[str, str], facts: Mapping[str, Any]
) -> Iterator[None]:
    """Write `shares.json` at the end: after an error too, it lists the images labelled before."""
    try:
        yield
        if results.images:
            results.write_shares(unreadable, facts)
    except BaseException as error:
        if not results.images:
            raise
        words = f"their masks and overlays are in {results.folder}"
        try:
            results.write_shares(unreadable, facts)
        except UserError:  # for the same reason, as a rule
            words += f", but {SHARES_FILE}, which would list them, is not"
        if isinstance(error, UserError):
            raise UserError(
                f"{error}. {len(results.images)} images were labelled before that: {words}. To "
                "label all of them again, add --overwrite"
            ) from error
        raise


def batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of `size`, the last one shorter."""
    while batch := list(islice(items, size)):
        yield batch


def _readable(
    files: Iterable[tuple[Path, str]], unreadable: dict[str, str], console: Console
) -> Iterator[InputImage]:
    """Yield the images that can be read; print the others and add them to `unreadable`.

    files: the files and the names of their results.
    """
    for file, name in files:
        try:
            yield InputImage(name, file, read_image(file))
        except BadFile as error:
            unreadable[str(file)] = f"{error.wrong}; expected {error.expected}"
            console.print(f"skipped: {error}", style="yellow", markup=False, highlight=False)
