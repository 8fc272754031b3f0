"""The first stage: find the images, check every pair, pack each split once."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from faceseg.data.drawn import DrawnFaces
from faceseg.data.lapa import LapaFolder
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack as pack
from faceseg.data.source import Source
from faceseg.errors import UserError
from pipelines.config import Data, Experiment
from pipelines.data import lapa


def prepare(experiment: Experiment, console: Console) -> tuple[Path, Manifest]:
    """Return the folder and the manifest of the experiment's packs, made if they are not there.

    Raises UserError listing what is wrong with which file.
    """
    data = experiment.data
    source = image_source(data)
    check_splits(source, data)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("preparing images", total=None)
        folder, manifest = pack(
            source,
            experiment.storage / "packs",
            data.class_set,
            data.image_size,
            data.on_bad,
            label_resizing=data.label_resizing,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for warning in manifest.warnings:
        console.print(warning, style="yellow", markup=False, highlight=False)
    console.print(summary(manifest), highlight=False)
    return folder, manifest


def image_source(data: Data) -> Source:
    """Return where the images come from; LaPa is downloaded if no path is given."""
    if data.source == "drawn":
        drawn = data.drawn
        counts = {"train": drawn.train, "val": drawn.val, "test": drawn.test}
        return DrawnFaces(counts, drawn.size, drawn.difficulty, drawn.seed)
    path = data.path
    if path is None:
        path = lapa.download()
    return LapaFolder(path.expanduser(), data.labels, data.class_set)


def check_splits(source: Source, data: Data) -> None:
    """Raise UserError unless there are images to train on, to choose by and to test on."""
    missing = sorted({"train", "val", "test"} - set(source.splits))
    if missing:
        raise UserError(
            f"{data.path or data.source} has the splits {', '.join(source.splits) or 'none'}; a "
            f"study needs train, val and test: {', '.join(missing)} missing"
        )


def summary(manifest: Manifest) -> str:
    """Say in a line what was prepared."""
    counts = ", ".join(f"{facts.count} {name}" for name, facts in manifest.splits.items())
    height, width = manifest.image_size
    left_out = f"; {len(manifest.problems)} pairs left out" if manifest.problems else ""
    return (
        f"images: {counts} at {width}x{height}, {len(manifest.classes)} classes, "
        f"fingerprint {manifest.fingerprint[:8]}{left_out}"
    )
