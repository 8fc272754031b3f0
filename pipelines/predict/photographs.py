"""`faceseg predict`: masks, overlays and class shares of photographs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from faceseg.inference.label_maps import label_maps
from pipelines.models.loading import open_model
from pipelines.predict.image_files import find_images, result_names
from pipelines.predict.results import ResultsFolder, refuse_overwriting

Item = TypeVar("Item")


@dataclass(frozen=True)
class PredictOptions:
    """How to predict, and where to: the options of the command line."""

    out: Path
    flip: bool = False
    clean: bool = False
    batch: int = 8
    overwrite: bool = False
    gpu: bool = False
    tracking: str | None = None


@dataclass(frozen=True)
class InputImage:
    """An image that was read: its result's name, its file, its pixels (H, W, 3)."""

    name: str
    file: Path
    pixels: NDArray[np.uint8]


def label_photographs(
    model: str, wanted: Sequence[str], options: PredictOptions, console: Console
) -> bool:
    """Label all images that can be read; return whether those were all.

    The others are named, and stand in `shares.json`. UserError if there was none.
    """
    files = find_images(wanted, options.out)
    called = result_names(files)
    if not options.overwrite:
        refuse_overwriting(options.out, called)
    predictor = open_model(model, options.tracking, gpu=options.gpu)
    results = ResultsFolder(options.out, predictor.classes)
    unreadable: dict[str, str] = {}
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("labelling", total=len(files))
        images = _readable(files, called, unreadable, progress.console)
        for batch in batches(images, options.batch):
            maps = label_maps(
                predictor,
                [each.pixels for each in batch],
                flip=options.flip,
                clean=options.clean,
            )
            for each, labels in zip(batch, maps, strict=True):
                results.write(each.name, each.file, each.pixels, labels)
            progress.update(task, completed=len(results.images) + len(unreadable))
    if not results.images:
        raise UserError(f"none of {len(files)} images could be read; nothing was written")
    results.write_shares(
        unreadable,
        {"model": model, "flip": options.flip, "clean": options.clean},
    )
    console.print(
        f"{len(results.images)} of {len(files)} images labelled; masks, overlays and shares.json "
        f"are in {options.out}",
        highlight=False,
    )
    return not unreadable


def batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of `size`, the last one shorter."""
    while batch := list(islice(items, size)):
        yield batch


def _readable(
    files: Sequence[Path], called: Sequence[str], unreadable: dict[str, str], console: Console
) -> Iterator[InputImage]:
    """Yield the images that can be read; name the others, and note why."""
    for file, name in zip(files, called, strict=True):
        try:
            yield InputImage(name, file, read_image(file))
        except BadFile as error:
            unreadable[str(file)] = f"{error.wrong}; expected {error.expected}"
            console.print(f"left out: {error}", style="yellow", markup=False, highlight=False)
