"""Write annotations of any format as a folder in LaPa's layout.

The folder is filled under another name and renamed at the end: whatever ends the program, a folder
with `conversion.json` is complete. After a kill, a re-run starts over.

Shapes: H rows, W columns.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from filelock import Timeout
from PIL import Image
from pydantic import BaseModel, ConfigDict

from faceseg.data.atomic_folder import explained_disk_errors, locked
from faceseg.data.classes import ClassSet
from faceseg.data.findings import HELD_OUT_FIRST, Findings
from faceseg.data.formats.annotated_source import AnnotatedItem, AnnotatedSource
from faceseg.data.formats.conversion_checks import RECORD, check_names, check_target
from faceseg.data.formats.mapping import Target
from faceseg.data.formats.splitting import SPLITS, Shares
from faceseg.data.image_formats import IMAGE_SUFFIXES
from faceseg.data.manifest import OnBad
from faceseg.data.prefetch import available_processors, prefetch_map
from faceseg.data.preprocessing import PreparedPair, Preprocessor
from faceseg.data.problems import CONVERTING, PairProblem
from faceseg.errors import UserError

UNFINISHED = ".unfinished"
CHECKED_SIZE = (32, 32)  # of the resized images, which only serve the checks
Progress = Callable[[int, int], None]  # items done, items in all


class Conversion(BaseModel):
    """What was converted, and how; the content of `conversion.json`.

    Attributes:
        faceseg: The version of faceseg.
        source: The folder or file that was read.
        format: The name of its format.
        terms: The terms of use of the data set, as far as they are known.
        classes: The class set of the labels.
        map: What each native class became.
        exchanged: The pairs of classes whose left and right were exchanged.
        shares: The shares of train, val and test in per cent, for splits that the format lacks.
        counts: The number of images in each split.
        problems: The pairs that were left out.
        warnings: Findings that may affect results, and what was changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    faceseg: str
    source: str
    format: str
    terms: str
    classes: ClassSet
    map: dict[str, Target]
    exchanged: tuple[tuple[str, str], ...]
    shares: Shares
    counts: dict[str, int]
    problems: tuple[PairProblem, ...]
    warnings: tuple[str, ...]


def convert(
    source: AnnotatedSource,
    given: Path,
    folder: Path,
    *,
    on_bad: OnBad = "stop",
    overwrite: bool = False,
    terms: str = "",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Write a source's images and labels as a folder in LaPa's layout.

    Images are copied byte by byte, labels are written as PNG. Every pair is checked as by
    `faceseg.data.pack.build_pack`.

    Args:
        source: The annotations.
        given: The folder or file that was read.
        folder: The folder to write; it may exist if it is empty.
        on_bad: "stop" raises UserError with the first 20 problems and writes nothing; "skip"
            leaves bad pairs out and lists them in `conversion.json`.
        overwrite: Whether to replace a folder that an earlier conversion has written.
        terms: The terms of use of the data set, for `conversion.json`.
        threads: Threads that read and write; by default the number of available processors.
        progress: Called with (items done, items in total) after each item.

    Returns:
        The content of `conversion.json`.

    Raises:
        UserError: The folder cannot be used, a pair is bad and `on_bad` is "stop", a split has no
            usable image, scores on the labels would mean nothing, or the disk is full.
    """
    check_target(folder, source.annotations.root, overwrite=overwrite)
    check_names(source)
    writer = _Writer(
        source=source, on_bad=on_bad, threads=threads or available_processors(), progress=progress
    )
    partial = folder.with_name(f".{folder.name}{UNFINISHED}")
    with explained_disk_errors(folder, "converting", "convert fewer images"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with locked(folder, timeout=0):
                shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
                try:
                    done = writer.run(partial, given, terms)
                    _put_in_place(partial, folder)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        except Timeout as error:
            raise UserError(
                f"another process is converting into {folder}; wait for it, or give another folder"
            ) from error
    return done


@dataclass(kw_only=True)
class _Writer:
    """One pass over a source. `done` counts the processed items."""

    source: AnnotatedSource
    on_bad: OnBad
    threads: int
    progress: Progress | None
    done: int = 0

    def run(self, folder: Path, given: Path, terms: str) -> Conversion:
        """Fill `folder`, which does not exist, and return its record."""
        self.source.are_exchanged()  # contradictions are found before anything is written
        items = {split: self.source.items(split) for split in HELD_OUT_FIRST}
        counts = {split: len(found) for split, found in items.items()}
        findings = Findings(self.source.mapping.classes)
        for split, found in items.items():
            for kind in ("images", "labels"):
                (folder / split / kind).mkdir(parents=True)
            self._write_split(folder / split, split, found, findings, sum(counts.values()))
        findings.check(counts, self.on_bad, CONVERTING)
        record = Conversion(
            faceseg=version("faceseg"),
            source=str(given.resolve()),
            format=self.source.form,
            terms=terms,
            classes=self.source.mapping.classes,
            map=self.source.mapping.rules,
            exchanged=self.source.exchanged_pairs(),
            shares=self.source.shares,
            counts={split: len(findings.ids[split]) for split in SPLITS},
            problems=tuple(findings.problems),
            warnings=(*self.source.notes(), *findings.warnings()),
        )
        (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return record

    def _write_split(
        self,
        folder: Path,
        split: str,
        items: Sequence[AnnotatedItem],
        findings: Findings,
        total: int,
    ) -> None:
        preprocessor = Preprocessor(
            split=split, classes=self.source.mapping.classes, size=CHECKED_SIZE, originals=True
        )

        def process(item: AnnotatedItem) -> PreparedPair | PairProblem:
            result = preprocessor.process(item)
            if isinstance(result, PairProblem):
                return result
            if not (findings.problems and self.on_bad == "stop"):
                _write_pair(folder, item, result)
            return replace(result, original=None)  # which is large

        for item, result in zip(items, prefetch_map(process, items, self.threads), strict=True):
            if findings.add(split, result) is None:
                for file in _files(folder, item):
                    file.unlink(missing_ok=True)
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, total)


def _write_pair(folder: Path, item: AnnotatedItem, pair: PreparedPair) -> None:
    """Write the image and the labels of an item into the folder of its split."""
    if pair.original is None:
        raise ValueError(f"{item.id} was prepared without its original")
    image, labels = pair.original
    image_file, label_file = _files(folder, item)
    if image_file.suffix == item.image_file.suffix:
        shutil.copyfile(item.image_file, image_file)
    else:
        Image.fromarray(image).save(image_file)
    Image.fromarray(labels).save(label_file)


def _files(folder: Path, item: AnnotatedItem) -> tuple[Path, Path]:
    """Return the files of an item; images whose suffix no search finds become PNG."""
    suffix = item.image_file.suffix
    kept = suffix if suffix.lower() in IMAGE_SUFFIXES else ".png"
    return folder / "images" / f"{item.id}{kept}", folder / "labels" / f"{item.id}.png"


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename the complete folder; an earlier conversion gives way to it."""
    getattr(os, "sync", lambda: None)()  # its files survive a power failure
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def counts_text(counts: Mapping[str, int]) -> str:
    """Return the numbers of images as text: '3 train, 1 val, 1 test'."""
    return ", ".join(f"{count:,} {split}" for split, count in counts.items())
