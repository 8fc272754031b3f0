"""What a folder of photographs contains, found with the checks that `faceseg prepare` makes."""

from collections.abc import Callable, Sequence
from colorsys import hsv_to_rgb
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from faceseg.data.classes import IGNORE, LAPA, ClassSet
from faceseg.data.image_files import images_in
from faceseg.data.images import read_image, read_labels
from faceseg.data.lapa import SPLITS, LapaFolder
from faceseg.data.pack import build_pack
from faceseg.data.problems import BadFile

LOOKED_AT = 200  # images of a split whose size is read, and label maps whose ids are read
EARS = ("left_ear", "right_ear")
CHECKED_SIZE = (32, 32)  # of the packed images, which only serve the checks


@dataclass(frozen=True, kw_only=True)
class FolderFacts:
    """The content of a folder in LaPa's layout.

    Attributes:
        counts: Usable images of each split.
        side: The median of the images' shorter sides, in pixels.
        problems: The pairs that cannot be used, as sentences.
        warnings: What `prepare` would warn of.
    """

    counts: dict[str, int]
    side: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_folder(
    folder: Path, labels: str, classes: ClassSet, progress: Callable[[int, int], None]
) -> FolderFacts:
    """Check every pair of a folder.

    Args:
        folder: The folder with the splits train, val and test.
        labels: The name of the folder of labels in each split.
        classes: The class set of the labels.
        progress: Called with (pairs done, pairs in all) after each pair.

    Raises:
        UserError: A folder is missing, a split has no usable image, or scores on the labels would
            mean nothing.
    """
    source = LapaFolder(folder, labels, classes)
    with TemporaryDirectory(prefix="faceseg-") as temporary:
        _, manifest = build_pack(
            source, temporary, classes, CHECKED_SIZE, "skip", progress=progress
        )
    return FolderFacts(
        counts={split: manifest.splits[split].count for split in SPLITS},
        side=_median_side(images_in(folder / "train" / "images")),
        problems=tuple(str(problem) for problem in manifest.problems),
        warnings=manifest.warnings,
    )


def label_ids(folder: Path, labels: str) -> set[int]:
    """Return the ids that occur in the label maps, without the ignored one.

    Files that are no map of ids are left out: `inspect_folder` reports them.

    Raises:
        UserError: A folder is missing, or cannot be listed.
    """
    LapaFolder(folder, labels)  # names the folder that is missing
    found: set[int] = set()
    for split in SPLITS:
        for file in images_in(folder / split / labels)[:LOOKED_AT]:
            found |= _ids(file)
    return found - {IGNORE}


def choose_classes(ids: set[int]) -> ClassSet:
    """Return LaPa's classes if they contain all ids, or else classes without a meaning."""
    if max(ids, default=0) < len(LAPA):
        return LAPA
    return class_set(["background", *(f"class-{number}" for number in range(1, max(ids) + 1))])


def class_set(names: Sequence[str]) -> ClassSet:
    """Return a class set of these names, in the order of the ids.

    The roles of classes are read from their names: `left_eye` and `right_eye` are exchanged by a
    mirror, eyes, brows and lips are small, and hair, neck and clothes are no part of the face.

    Raises:
        pydantic.ValidationError: The names are too few, too many or not unique.
    """
    ids = range(len(names))
    lower = [name.lower() for name in names]
    outside = ("background", "hair", "neck", "cloth", "hat", "ear")
    small = [number for number in ids if _contains(lower[number], "eye", "brow", "lip", "mouth")]
    pairs = [
        (number, lower.index(name.replace("left", "right")))
        for number, name in enumerate(lower)
        if "left" in name and name.replace("left", "right") in lower
    ]
    return ClassSet(
        names=tuple(names),
        palette=tuple(_colour(number) for number in ids),
        pairs=tuple(pairs),
        small=tuple(small),
        face=tuple(n for n in ids if n > 0 and not lower[n].startswith(outside)),
        eyes=tuple(
            n
            for n in small
            if _contains(lower[n], "eye") and not _contains(lower[n], "brow", "glass")
        ),
        skin=lower.index("skin") if "skin" in lower else 1,
        hair=lower.index("hair") if "hair" in lower else None,
        ears=tuple(lower.index(ear) for ear in EARS) if set(EARS) <= set(lower) else (),
        beard=lower.index("beard") if "beard" in lower else None,
    )


def _contains(name: str, *words: str) -> bool:
    return any(word in name for word in words)


def _colour(number: int) -> tuple[int, int, int]:
    """Return black for the background, and colours of different hue for the other classes."""
    if number == 0:
        return (0, 0, 0)
    hue = number * 0.618 % 1  # the golden ratio keeps neighbours apart
    red, green, blue = hsv_to_rgb(hue, 0.8, 1.0 if number % 2 else 0.75)
    return (round(255 * red), round(255 * green), round(255 * blue))


def _ids(file: Path) -> set[int]:
    try:
        return {int(value) for value in np.unique(read_labels(file, EVERY_ID))}
    except BadFile:
        return set()


def _median_side(files: Sequence[Path]) -> int:
    """Return the median of the shorter sides; files that cannot be read are among the problems."""
    sides = []
    for file in files[:LOOKED_AT]:
        with suppress(BadFile):
            sides.append(min(read_image(file).shape[:2]))
    return round(median(sides)) if sides else CHECKED_SIZE[0]


EVERY_ID = class_set([f"class-{number}" for number in range(IGNORE - 1)])
