"""All images of a pack in one order, and the copies of some of them that a fold trains on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.atomic_folder import build_once
from faceseg.data.folds import assign_folds
from faceseg.data.split import Split, open_split
from faceseg.data.split_writer import SplitWriter
from faceseg.errors import UserError

SPLITS = ("train", "val", "test")
TRAIN, VALIDATION = "train", "val"  # of a fold
VALIDATION_PARTS = 10  # one tenth of the images that a fold trains on chooses the best epoch


@dataclass(frozen=True)
class PackedImages:
    """The images of all splits of a pack: those of `train`, then `val`, then `test`."""

    splits: tuple[Split, ...]

    def __len__(self) -> int:
        return sum(map(len, self.splits))

    @property
    def names(self) -> list[tuple[str, str]]:
        """The split and the id of each image."""
        return [(split.name, name) for split in self.splits for name in split.ids]

    @property
    def photos(self) -> list[str]:
        """The photograph of each image, as `Split.photos`."""
        return [name for split in self.splits for name in split.photos]

    def pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return an image (H, W, 3) and its labels (H, W) in the pack's size."""
        for split in self.splits:
            if index < len(split):
                return np.array(split.images[index]), np.array(split.labels[index])
            index -= len(split)
        raise IndexError(index)


def open_images(pack: Path) -> PackedImages:
    """Open all splits of a pack."""
    return PackedImages(tuple(open_split(pack, name) for name in SPLITS))


def folds_of(images: PackedImages, folds: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each image; images of one photograph are in one fold.

    Raises:
        UserError: A fold would have too few photographs to train on.
    """
    photos = len(set(images.photos))
    if photos < folds or photos - -(-photos // folds) < 2:
        raise UserError(
            f"the images show {photos} photographs, too few for {folds} folds; "
            "give a smaller --folds, 2 or more, or add images"
        )
    return assign_folds(images.photos, folds, seed)


def write_fold(
    images: PackedImages, rows: NDArray[np.intp], folder: Path, seed: int
) -> tuple[Split, Split]:
    """Write the images that a fold trains on and validates with, unless they exist; open them.

    Args:
        images: All images.
        rows: The indices of those outside of the fold.
        folder: The folder for the copies.
        seed: The seed of the choice of the validation images.
    """
    all_photos = images.photos
    photos = [all_photos[row] for row in rows]
    parts = assign_folds(photos, min(VALIDATION_PARTS, len(set(photos))), seed)

    def fill(folder: Path) -> None:
        for name, chosen in ((TRAIN, rows[parts > 0]), (VALIDATION, rows[parts == 0])):
            _write(images, chosen, folder / name)

    build_once(folder, Path.is_dir, fill)
    return open_split(folder, TRAIN), open_split(folder, VALIDATION)


def _write(images: PackedImages, rows: Iterable[int], folder: Path) -> None:
    names = images.names
    size: tuple[int, int] = images.splits[0].labels.shape[1:]
    with SplitWriter(folder, size, originals=False) as writer:
        for row in rows:
            writer.append(names[row][1], *images.pair(row))
        writer.finish()
