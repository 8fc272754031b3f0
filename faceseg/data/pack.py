"""Packs: labelled images that are decoded, checked and resized once, for all trials.

A pack is a folder `<root>/<key>/` with `manifest.json` and, for each split, `images.npy`,
`labels.npy` and `ids.json`. All splits except 'train' also contain the images at their own
size and the facts of each, so that a final model can be scored without the source.

Shapes: H rows, W columns of the pack.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL
from pydantic import JsonValue

from faceseg.data.atomic_folder import build_once
from faceseg.data.classes import ClassSet
from faceseg.data.cropping import Cropper
from faceseg.data.findings import HELD_OUT_FIRST, Findings
from faceseg.data.manifest import (
    PACK_VERSION,
    CropFacts,
    LabelResizing,
    Manifest,
    OnBad,
    cache_key,
    file_sizes,
    fingerprint,
)
from faceseg.data.prefetch import available_processors, prefetch_map
from faceseg.data.preprocessing import Preprocessor
from faceseg.data.source import Item, Source
from faceseg.data.split_digest import is_unchanged
from faceseg.data.split_writer import SplitWriter
from faceseg.errors import UserError

Progress = Callable[[int, int], None]  # items done, items in all


def build_pack(
    source: Source,
    root: str | Path,
    classes: ClassSet,
    image_size: tuple[int, int],
    on_bad: OnBad = "stop",
    *,
    label_resizing: LabelResizing = "nearest",
    cropper: Cropper | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Path, Manifest]:
    """Pack a source, or return the existing pack of the same source and settings.

    An existing pack is read once and built again if its images are not those that were packed
    (`faceseg.data.split_digest` has the time that this takes).

    The same picture in two splits is a bad pair too: the one in 'train', otherwise in 'val'.

    Args:
        source: The labelled images.
        root: The folder for packs; the pack is a subfolder of it.
        classes: The class set of the labels.
        image_size: The size (H, W) of the packed images.
        on_bad: "stop" raises UserError with the first 20 problems; "skip" leaves bad pairs out
            and lists them in the manifest.
        label_resizing: "majority" takes the largest area in place of the nearest pixel;
            "bilinear" replicates a defect of the reference study: it corrupts the
            packed labels of 'train' and 'val', but not the originals or the split 'test'.
        cropper: Crops the packed images to their face, but not the originals; None for whole
            images. An image without a face is packed whole, and counted in the manifest.
        threads: Threads that read and resize; by default the number of available processors.
        progress: Called with (items done, items in total) after each item.

    Returns:
        The pack's folder and its manifest.

    Raises:
        UserError: A pair is bad and `on_bad` is "stop", a split has no usable image, scores on the
            labels would mean nothing, or the disk is full or not writable.
    """
    identity = dict(source.identity())
    crop = None if cropper is None else dict(cropper.identity())
    key = cache_key(identity, classes, image_size, on_bad, label_resizing, crop=crop)
    folder = Path(root) / key
    builder = _PackBuilder(
        source=source,
        classes=classes,
        size=image_size,
        on_bad=on_bad,
        label_resizing=label_resizing,
        cropper=cropper,
        threads=threads or available_processors(),
        progress=progress,
    )
    build_once(folder, _is_complete, lambda path: builder.run(path, key, identity).write(path))
    return folder, _read_manifest(folder)


def _is_complete(folder: Path) -> bool:
    """Return whether a pack can be used; an earlier version packed splits without foreground."""
    manifest = Manifest.read(folder)
    if manifest is None:
        return False
    foreground = manifest.classes.names[1:]
    shares = [facts.class_shares for facts in manifest.splits.values()]
    has_foreground = all(any(each[name] for name in foreground) for each in shares)
    return has_foreground and is_unchanged(folder, manifest)  # which reads every byte


def _read_manifest(folder: Path) -> Manifest:
    manifest = Manifest.read(folder)
    if manifest is None:
        raise UserError(
            f"the pack {folder} was modified while it was built; re-run the same command"
        )
    return manifest


@dataclass(kw_only=True)
class _PackBuilder:
    """One pass over a source. `done` counts the processed items."""

    source: Source
    classes: ClassSet
    size: tuple[int, int]
    on_bad: OnBad
    label_resizing: LabelResizing
    cropper: Cropper | None
    threads: int
    progress: Progress | None
    done: int = 0

    def run(self, folder: Path, key: str, identity: dict[str, JsonValue]) -> Manifest:
        """Fill `folder` and return its manifest; raise UserError on bad pairs or a full disk."""
        items = {
            split: self.source.items(split)
            for split in sorted(self.source.splits, key=HELD_OUT_FIRST.index)
        }
        total = sum(len(each) for each in items.values())
        self._check_space(folder, total)
        findings = Findings(self.classes)
        digests = {
            split: self._pack_split(folder, split, each, findings, total)
            for split, each in items.items()
        }
        findings.check({split: len(each) for split, each in items.items()}, self.on_bad)
        return Manifest(
            pack_version=PACK_VERSION,
            key=key,
            fingerprint=fingerprint(self.classes, digests),
            classes=self.classes,
            image_size=self.size,
            on_bad=self.on_bad,
            label_resizing=self.label_resizing,
            crop=self._crop_facts(findings),
            source=identity,
            splits=findings.splits(digests, self.source.splits),
            shared_photos=findings.shared_photos(),
            sides=findings.sides(),
            problems=tuple(findings.problems),
            warnings=(*self.source.notes(), *findings.warnings()),
            versions=_versions(),
            files=file_sizes(folder),
        )

    def _pack_split(
        self, folder: Path, split: str, items: Sequence[Item], findings: Findings, total: int
    ) -> str:
        resizing: LabelResizing = "nearest" if split == "test" else self.label_resizing
        originals = split != "train"
        preprocessor = Preprocessor(
            split=split,
            classes=self.classes,
            size=self.size,
            originals=originals,
            label_resizing=resizing,
            cropper=self.cropper,
        )
        with SplitWriter(folder / split, self.size, originals) as writer:
            for result in prefetch_map(preprocessor.process, items, self.threads):
                pair = findings.add(split, result)
                stopping = findings.problems and self.on_bad == "stop"
                if pair is not None and not stopping:
                    writer.append(pair.id, pair.image, pair.labels)
                    if pair.original is not None:
                        writer.append_original(*pair.original, pair.facts)
                self.done += 1
                if self.progress is not None:
                    self.progress(self.done, total)
            return writer.finish()

    def _crop_facts(self, findings: Findings) -> CropFacts | None:
        if self.cropper is None:
            return None
        without = {split: findings.without_face[split] for split in self.source.splits}
        return CropFacts(settings=dict(self.cropper.identity()), without_face=without)

    def _check_space(self, folder: Path, total: int) -> None:
        needed = total * self.size[0] * self.size[1] * 4
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise UserError(
                f"packing {total} images at {self.size[0]} x {self.size[1]} needs more than "
                f"{needed / 1e6:,.0f} MB; {folder.parent} has {free / 1e6:,.0f} MB free. "
                "Make room, choose a smaller data.image_size, or another folder."
            )


def _versions() -> dict[str, str]:
    return {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
