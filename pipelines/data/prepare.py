"""Prepare the images: find them, check every pair of image and labels, and pack each split."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from faceseg.data.drawn import DrawnFaces
from faceseg.data.formats.table import open_annotations
from faceseg.data.lapa import LapaFolder
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack
from faceseg.data.source import Source
from faceseg.detection.face_box import FaceBox
from faceseg.errors import UserError
from pipelines.config import Data, Experiment
from pipelines.data import lapa


def prepare(experiment: Experiment, console: Console) -> tuple[Path, Manifest]:
    """Pack the experiment's images, unless the packs exist already.

    Args:
        experiment: Its `data` describes the images; the packs are stored in its `storage`.
        console: Receives a progress bar, warnings and a summary.

    Returns:
        The folder of the packs, and their manifest.

    Raises:
        UserError: A split is missing, or files are not valid; the message lists them.
    """
    data = experiment.data
    source = image_source(data)
    check_splits(source, data)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("preparing images", total=None)
        folder, manifest = build_pack(
            source,
            experiment.storage / "packs",
            data.class_set,
            data.image_size,
            data.on_bad,
            label_resizing=data.label_resizing,
            cropper=None if data.face_box is None else FaceBox(data.face_box.margin),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for warning in manifest.warnings:
        console.print(warning, style="yellow", markup=False, highlight=False)
    console.print(summary(manifest), highlight=False)
    return folder, manifest


def image_source(data: Data) -> Source:
    """Return the source of the images; download LaPa if it is the source and has no path."""
    if data.source == "drawn":
        drawn = data.drawn
        counts = {"train": drawn.train, "val": drawn.val, "test": drawn.test}
        return DrawnFaces(
            counts=counts, size=drawn.size, difficulty=drawn.difficulty, seed=drawn.seed
        )
    path = data.path
    if path is None:
        path = lapa.download()
    if data.has_format:
        return open_annotations(
            data.source,
            path.expanduser(),
            data.class_set,
            rules=data.mapping,
            shares=data.shares,
        )
    return LapaFolder(path.expanduser(), data.labels, data.class_set, data.label_size)


def check_splits(source: Source, data: Data) -> None:
    """Raise UserError unless the source has the splits train, val and test."""
    missing = sorted({"train", "val", "test"} - set(source.splits))
    if missing:
        raise UserError(
            f"{data.path or data.source} has the splits {', '.join(source.splits) or 'none'}, but "
            f"a study requires train, val and test: {', '.join(missing)} missing"
        )


def summary(manifest: Manifest) -> str:
    """Return one line that describes the packs."""
    counts = ", ".join(f"{facts.count} {name}" for name, facts in manifest.splits.items())
    height, width = manifest.image_size
    skipped = f"; {len(manifest.problems)} pairs skipped" if manifest.problems else ""
    return (
        f"images: {counts} at {width}x{height}, {len(manifest.classes)} classes, "
        f"fingerprint {manifest.fingerprint[:8]}{skipped}{_without_face(manifest)}"
    )


def _without_face(manifest: Manifest) -> str:
    """Return how many images were not cropped to a face, if they were to be."""
    if manifest.crop is None:
        return ""
    counts = manifest.crop.without_face
    splits = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"; cropped to their face, except {splits or 'none'}"
