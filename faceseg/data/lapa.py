"""LaPa's layout: `{train,val,test}/{images,labels,landmarks}`, paired by stem.

`images/a.jpg` belongs to `labels/a.png`; the order of the files has no meaning. Landmarks are
used only to estimate the pose. They may be missing, because the masks are sufficient for
everything else; some of LaPa's landmark files are known to be wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.file_identity import files_identity
from faceseg.data.image_files import (
    folders_in,
    images_by_stem,
    missing_target,
    printable,
    visible_entries,
)
from faceseg.data.images import read_image, read_labels
from faceseg.data.landmarks import landmarks_match_mask, read_landmarks, yaw_degrees
from faceseg.data.paired_files import (
    contents,
    fitted_labels,
    only_file,
    relative_to,
    with_stems_of,
)
from faceseg.data.problems import BadFile
from faceseg.data.source import Facts, Pair
from faceseg.errors import UserError

SPLITS = ("train", "val", "test")
LabelSize = Literal["same", "resize"]


@dataclass(frozen=True, kw_only=True)
class FilePair:
    """The files of one stem. A usable pair has exactly one image and one label file.

    `landmarks` is None in a split that has no landmarks at all. `label_size` is described in
    `LapaFolder`.
    """

    id: str
    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    landmarks: Path | None
    root: Path
    classes: ClassSet
    label_size: LabelSize = "same"

    def read(self) -> Pair:
        """Return the image (H, W, 3) and its labels (H, W).

        Raises:
            BadFile: A file is missing, duplicated or unreadable, or the two do not match.
        """
        try:
            image_file = only_file(self.images, "image", self.labels)
            label_file = only_file(self.labels, "label", self.images)
            image, labels = read_image(image_file), read_labels(label_file, self.classes)
            resize = self.label_size == "resize"
            labels = fitted_labels(labels, image, self.classes, label_file, resize=resize)
        except BadFile as bad:
            raise relative_to(self.root, bad) from bad
        return image, labels

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return `yaw_degrees` from the landmarks, or why they are wrong under `landmarks`."""
        if self.landmarks is None:
            return {}
        try:
            points = read_landmarks(self.landmarks)
        except BadFile as bad:
            return {"landmarks": bad.wrong}
        if not landmarks_match_mask(points, labels, self.classes):
            return {"landmarks": "not where the mask has the face"}
        return {"yaw_degrees": yaw_degrees(points)}


class LapaFolder:
    """A folder in LaPa's layout as a source. Problems of single files appear on reading them."""

    def __init__(
        self,
        path: str | Path,
        labels_folder: str = "labels",
        classes: ClassSet = LAPA,
        label_size: LabelSize = "same",
    ) -> None:
        """List the files of all splits.

        Args:
            path: The folder with the splits `train`, `val` and `test`.
            labels_folder: The name of the folder with the labels in each split.
            classes: The class set of these labels.
            label_size: "same" requires labels of their image's size; "resize" resizes labels of
                the same proportions to it, by the nearest pixel.

        Raises:
            UserError: The folder or a split does not exist or has no images.
        """
        self.path = Path(path)
        self.classes = classes
        self.labels_folder = labels_folder
        self.label_size = label_size
        _check_folders(self.path, labels_folder)
        self._items = {split: self._pair(split) for split in SPLITS}

    @property
    def splits(self) -> tuple[str, ...]:
        """'train', 'val' and 'test'."""
        return SPLITS

    def items(self, split: str) -> Sequence[FilePair]:
        """Return the pairs of a split in the order of their stems."""
        return self._items[split]

    def identity(self) -> Mapping[str, JsonValue]:
        """Return a digest of file names, sizes and modification times.

        It does not include the folder's own path, so a moved data set keeps its identity. For a
        link it includes the target's size and time.
        """
        pairs = (pair for split in SPLITS for pair in self._items[split])
        files = (file for pair in pairs for file in _existing(pair))
        resized: dict[str, JsonValue] = {"label_size": self.label_size}
        return {
            **(resized if self.label_size != "same" else {}),
            "kind": "directory",
            "labels_folder": self.labels_folder,
            **files_identity(files, self.path),
        }

    def notes(self) -> Sequence[str]:
        """Return nothing: the labels are used as they are."""
        return ()

    def _pair(self, split: str) -> tuple[FilePair, ...]:
        images = images_by_stem(self.path / split / "images")
        labels = images_by_stem(self.path / split / self.labels_folder)
        if not images:
            raise UserError(
                f"{self.path / split / 'images'} contains no image; "
                f"found: {contents(self.path / split / 'images')}"
            )
        labels = with_stems_of(images, labels)
        folder = self.path / split / "landmarks"
        has_landmarks = folder.is_dir() and any(
            file.suffix == ".txt" for file in visible_entries(folder)
        )
        return tuple(
            FilePair(
                id=printable(stem),
                images=images.get(stem, ()),
                labels=labels.get(stem, ()),
                landmarks=folder / f"{stem}.txt" if has_landmarks else None,
                root=self.path,
                classes=self.classes,
                label_size=self.label_size,
            )
            for stem in sorted(images.keys() | labels.keys())
        )


def _existing(pair: FilePair) -> list[Path]:
    """Return the files of a pair, without its landmarks if they are missing."""
    landmarks = pair.landmarks
    found = [] if landmarks is None or not landmarks.is_file() else [landmarks]
    return [*pair.images, *pair.labels, *found]


def _check_folders(path: Path, labels_folder: str) -> None:
    """Raise UserError unless every folder of the layout exists."""
    expected = f"expected {path}/{{{','.join(SPLITS)}}}/{{images,{labels_folder}}}"
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise UserError(f"the data folder {path} {kind}; {expected}")
    for split in SPLITS:
        for folder in (path / split, path / split / "images", path / split / labels_folder):
            if folder.is_dir():
                continue
            target = missing_target(folder)
            kind = f"is a link to {target}, where no folder is," if target else "is missing"
            message = f"{folder.relative_to(path)}/ {kind} in {path}; {expected}; "
            message += f"{folder.parent} contains: {contents(folder.parent)}"
            raise UserError(message + _hint(path))


def _hint(path: Path) -> str:
    """Suggest a folder inside `path` that has the splits, as in LaPa's archive, or a conversion."""
    outer = folders_in(path)
    for inner in outer + [each for folder in outer for each in folders_in(folder)]:
        if all((inner / split / "images").is_dir() for split in SPLITS):
            return f". Did you mean {inner}?"
    if any((path / split).exists() for split in SPLITS):
        return ""
    return ". `faceseg convert` writes this layout from other formats"
