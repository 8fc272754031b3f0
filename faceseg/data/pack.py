"""Labelled images decoded once: checked, resized, and packed where all trials read them.

A pack is a folder `<root>/<key>/` with `manifest.json` and, for each split, `images.npy`,
`labels.npy` and `ids.json`; all splits but 'train' keep the images at their own size too, with
the facts known of each, so that a final model is scored there without the source.

Shapes: H rows, W columns of the pack.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL
from pydantic import JsonValue

from faceseg.data import manifest as facts
from faceseg.data.atomic_folder import build_once
from faceseg.data.classes import ClassSet
from faceseg.data.findings import Findings
from faceseg.data.manifest import LabelResizing, Manifest, OnBad
from faceseg.data.prefetch import prefetch_map
from faceseg.data.preprocessing import Preprocessor
from faceseg.data.problems import describe_problems
from faceseg.data.source import Item, Source
from faceseg.data.split import Split, open_split
from faceseg.data.split_writer import SplitWriter
from faceseg.errors import UserError

__all__ = ["Manifest", "Progress", "Split", "build_pack", "open_split"]

Progress = Callable[[int, int], None]  # items done, items in all
# Of a picture in two splits the one met first stays: the test split is kept whole.
_HELD_OUT_FIRST = ("test", "val", "train")


def build_pack(
    source: Source,
    root: str | Path,
    classes: ClassSet,
    image_size: tuple[int, int],
    on_bad: OnBad = "stop",
    *,
    label_resizing: LabelResizing = "nearest",
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Path, Manifest]:
    """Pack a source at `image_size` (H, W) under `root`, or find the pack that is there.

    Every pair is checked. What is wrong stops the packing (`on_bad="stop"`: UserError with the
    first 20 findings) or is left out and listed in the manifest (`"skip"`). The same picture
    in two splits counts as wrong; the one in 'train', else in 'val', is then left out.
    `label_resizing="bilinear"` is a defect of the reference study, kept for its replication: it
    spoils the packed labels of 'train' and 'val'; no original and nothing of 'test'.
    Returns the pack's folder and its manifest. `threads` defaults to the processors there are.
    """
    identity = dict(source.identity())
    key = facts.cache_key(identity, classes, image_size, on_bad, label_resizing)
    folder = Path(root) / key
    threads = threads or _processors()
    packing = _PackBuilder(source, classes, image_size, on_bad, label_resizing, threads, progress)

    def fill(partial: Path) -> None:
        packing.run(partial, key, identity).write(partial)

    build_once(folder, lambda path: Manifest.read(path) is not None, fill)
    made = Manifest.read(folder)
    if made is None:
        raise UserError(f"the pack {folder} was changed while it was made; run it again")
    return folder, made


@dataclass
class _PackBuilder:
    """One pass over a source. `done` counts the items behind it."""

    source: Source
    classes: ClassSet
    size: tuple[int, int]
    on_bad: OnBad
    label_resizing: LabelResizing
    threads: int
    progress: Progress | None
    done: int = 0

    def run(self, folder: Path, key: str, identity: dict[str, JsonValue]) -> Manifest:
        """Fill `folder` and return its manifest. Raises UserError on bad pairs or no space."""
        items = {
            split: self.source.items(split)
            for split in sorted(self.source.splits, key=_HELD_OUT_FIRST.index)
        }
        total = sum(len(each) for each in items.values())
        self._check_space(folder, total)
        findings = Findings(self.classes)
        digests = {
            split: self._pack_split(folder, split, each, findings, total)
            for split, each in items.items()
        }
        self._check(findings, items, total)
        return Manifest(
            pack_version=facts.PACK_VERSION,
            key=key,
            fingerprint=facts.fingerprint(self.classes, digests),
            classes=self.classes,
            image_size=self.size,
            on_bad=self.on_bad,
            label_resizing=self.label_resizing,
            source=identity,
            splits=findings.splits(digests, self.source.splits),
            shared_photos=findings.shared_photos(),
            sides=findings.sides(),
            problems=tuple(findings.problems),
            warnings=findings.warnings(),
            versions=_versions(),
            files=facts.file_sizes(folder),
        )

    def _check(self, findings: Findings, items: Mapping[str, Sequence[Item]], total: int) -> None:
        """Raise UserError if what was found must not, or cannot, be trained on."""
        if findings.problems and self.on_bad == "stop":
            raise UserError(describe_problems(findings.problems, total))
        for split in items:
            if not findings.ids[split]:
                first = next((each for each in findings.problems if each.split == split), "none")
                raise UserError(
                    f"split {split!r} has no usable image: {len(items[split])} given, all left "
                    f"out; the first: {first}"
                )

    def _pack_split(
        self, folder: Path, split: str, items: Sequence[Item], findings: Findings, total: int
    ) -> str:
        resizing: LabelResizing = "nearest" if split == "test" else self.label_resizing
        originals = split != "train"
        intake = Preprocessor(split, self.classes, self.size, originals, resizing)
        with SplitWriter(folder / split, self.size, intake.originals) as writer:
            for taken in prefetch_map(intake.process, items, self.threads):
                ready = findings.add(split, taken)
                stopping = findings.problems and self.on_bad == "stop"
                if ready is not None and not stopping:
                    writer.append(ready.id, ready.image, ready.labels)
                    if ready.original is not None:
                        writer.append_original(*ready.original, ready.facts)
                self.done += 1
                if self.progress is not None:
                    self.progress(self.done, total)
            return writer.finish()

    def _check_space(self, folder: Path, total: int) -> None:
        needed = total * self.size[0] * self.size[1] * 4
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise UserError(
                f"packing {total} images at {self.size[0]} x {self.size[1]} needs more than "
                f"{needed / 1e6:,.0f} MB; {folder.parent} has {free / 1e6:,.0f} MB free. "
                "Make room, choose a smaller data.image_size, or another folder."
            )


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    return {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
