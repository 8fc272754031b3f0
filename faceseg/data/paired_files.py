"""Pairs of an image file and a label file: exactly one of each, and labels that fit the image.

Shapes: H rows, W columns of the image after its EXIF rotation; h, w of the labels' own size.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.image_files import composed, is_utf8, printable, visible_entries
from faceseg.data.images import resize_labels
from faceseg.data.problems import BadFile, check_pair, same_proportions

Files = tuple[Path, ...]


def only_file(files: Sequence[Path], kind: str, others: Sequence[Path]) -> Path:
    """Return the one file of a kind that a pair has.

    Args:
        files: The files of this kind with the pair's stem.
        kind: "image" or "label", for the message.
        others: The pair's files of the other kind, of which a missing file is reported.

    Raises:
        BadFile: There is no file or more than one, or its name is not UTF-8.
    """
    expected = f"one {kind} file of the same stem"
    if not files:
        raise BadFile(others[0], f"has no {kind}", expected)
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise BadFile(files[0], f"{len(files)} {kind} files share a stem ({names})", expected)
    if not is_utf8(files[0].name):
        raise BadFile(files[0], "a name that is not UTF-8", "a name in UTF-8: rename the file")
    return files[0]


def fitted_labels(
    labels: NDArray[np.uint8],
    image: NDArray[np.uint8],
    classes: ClassSet,
    name: str | Path,
    *,
    resize: bool,
) -> NDArray[np.uint8]:
    """Return labels (H, W) for an image (H, W, 3).

    Args:
        labels: Labels (h, w).
        image: The image.
        classes: The class set of the labels.
        name: The file of the labels, for the message.
        resize: Whether labels of the image's proportions are resized to its size, by the nearest
            pixel.

    Raises:
        BadFile: The labels have another size, or ids that are not in `classes`.
    """
    if resize and same_proportions(labels, image):
        labels = resize_labels(labels, image.shape[:2])
    check_pair(image, labels, classes, str(name))
    return labels


def relative_to(root: Path, bad: BadFile) -> BadFile:
    """Return a problem whose file is relative to the data set's folder `root`."""
    path = Path(bad.file)
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else bad.file
    return BadFile(name, bad.wrong, bad.expected)


def with_stems_of(images: Mapping[str, Files], labels: Mapping[str, Files]) -> dict[str, Files]:
    """Return labels by stem, where a stem without an image takes an image's other spelling.

    `é` has two spellings in Unicode. A folder that went through macOS may contain both.
    """
    spellings = {composed(stem): stem for stem in images.keys() - labels.keys()}
    found: dict[str, Files] = {}
    for stem, files in labels.items():
        same = stem if stem in images else spellings.get(composed(stem), stem)
        found[same] = found.get(same, ()) + files
    return found


def contents(folder: Path, shown: int = 6) -> str:
    """Return the names in a folder for a message, at most `shown`."""
    names = [entry.name + "/" * entry.is_dir() for entry in visible_entries(folder)]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(printable(name) for name in names[:shown]) + more or "nothing"
