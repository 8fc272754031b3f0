"""Helen with the labels of Smith et al.: one grey map a class, and lists of the splits.

    images/NAME.jpg
    labels/NAME/NAME_lbl00.png ... NAME_lbl10.png
    exemplars.txt (train), tuning.txt (val), testing.txt (test), each with lines `NUMBER , NAME`

Source: Smith, Zhang, Brandt, Lin and Yang, 'Exemplar-Based Face Parsing', CVPR 2013, and the
README.txt of its data set at pages.cs.wisc.edu/~lizhang/projects/face-parsing. Each map is an 8-bit
grey PNG of the probability of one class, 255 being 1. Skin excludes ears and neck. The
specification does not state whether 'left' means left in the image.

A pixel takes the class of the largest probability; of equal ones the lowest id, so that a pixel
without any is background.

Shapes: H rows, W columns.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceseg.data.classes import LAPA
from faceseg.data.decoding import decode, read_content
from faceseg.data.file_reading import read_at_most
from faceseg.data.formats.annotations import Annotations
from faceseg.data.formats.mask_files import Layout
from faceseg.data.image_files import images_by_stem
from faceseg.data.images import Pixels, read_image
from faceseg.data.paired_files import Files, fitted_labels, only_file, relative_to
from faceseg.data.problems import BadFile
from faceseg.data.source import Pair
from faceseg.errors import UserError

LISTS = {"train": "exemplars.txt", "val": "tuning.txt", "test": "testing.txt"}
TO_LAPA: Mapping[str, str] = {name: name for name in LAPA.names}

_LAYOUT = Layout(
    "Helen (SmithCVPR2013_dataset_resized)",
    f"images/, labels/ and the lists {', '.join(LISTS.values())}",
    lambda folder: (folder / LISTS["train"]).is_file(),
)
_MAX_LIST_BYTES = 10_000_000  # the longest list of the data set has 2,000 lines
_MAX_NAME_BYTES = 240  # file systems allow 255, of which a map's suffix needs 10
_GREY = "an 8-bit grey PNG of probabilities, 0 to 255"


@dataclass(frozen=True, kw_only=True)
class HelenImage:
    """An image and its eleven maps; an `AnnotatedImage`."""

    id: str
    images: Files
    root: Path

    @property
    def image_file(self) -> Path:
        """The image, or where it should be."""
        return self.images[0] if self.images else self.root / "images" / f"{self.id}.jpg"

    @property
    def maps(self) -> Files:
        """The maps of the classes in the order of their ids."""
        folder = self.root / "labels" / self.id
        return tuple(folder / f"{self.id}_lbl{index:02}.png" for index in range(len(LAPA)))

    @property
    def files(self) -> Files:
        """The image and its maps."""
        return (self.image_file, *self.maps)

    def read(self) -> Pair:
        """Return the image (H, W, 3) and its labels (H, W), resized to the image's size.

        Raises:
            BadFile: A file is missing or damaged, or the maps do not match the image.
        """
        try:
            image = read_image(only_file(self.images, "image", (self.maps[0].parent,)))
            labels = _most_probable(self.maps)
            return image, fitted_labels(labels, image, LAPA, self.maps[0], resize=True)
        except BadFile as bad:
            raise relative_to(self.root, bad) from bad


def read_helen(path: Path) -> Annotations:
    """List the images of Helen with the labels of Smith et al.

    Args:
        path: The folder with `images`, `labels` and the three lists. Images that no list contains
            are left out.

    Returns:
        The images in their splits, in the order of the lists, with LaPa's ids and names.

    Raises:
        UserError: The folder has another layout, or a list is damaged, empty, or contains a name
            twice or one of another list.
    """
    _LAYOUT.check_root(path)
    for folder in ("images", "labels"):
        _LAYOUT.check_folder(path, folder)
    images = images_by_stem(path / "images")
    _LAYOUT.check_images(path, path / "images", images)
    listed: dict[str, str] = {}
    splits = {}
    for split, file in LISTS.items():
        if not (path / file).is_file():
            raise _LAYOUT.error(path, f"{file} is missing")
        names = _names_in(path / file)
        for name in names:
            if name in listed:
                raise UserError(
                    f"{path / file} contains {name!r}, which {listed[name]} contains already; "
                    "expected each image once in one list. Remove one of the two lines"
                )
            listed[name] = file
        splits[split] = tuple(
            HelenImage(id=name, images=images.get(name, ()), root=path) for name in names
        )
    index = tuple(path / file for file in LISTS.values())
    return Annotations(classes=LAPA.names, splits=splits, root=path, index_files=index)


def _names_in(file: Path) -> list[str]:
    """Return the names in a list; raise UserError if it is damaged or empty."""
    expected = "expected lines such as '1 , 232194_1'"
    try:
        lines = read_at_most(file, _MAX_LIST_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is no text in UTF-8; {expected}") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); {expected}") from error
    names = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        before, _, after = line.partition(",")
        name = after.strip()
        if not before.strip().isdecimal() or not _is_file_name(name):
            raise UserError(f"line {number} of {file} is {line[:80]!r}; {expected}")
        names.append(name)
    if not names:
        raise UserError(f"{file} contains no name; {expected}")
    return names


def _is_file_name(name: str) -> bool:
    return (
        0 < len(os.fsencode(name)) <= _MAX_NAME_BYTES
        and not name.startswith(".")
        and not any(letter in name for letter in "/\\\0")
    )


def _most_probable(maps: Files) -> Pixels:
    """Return the index of the largest value of each pixel (H, W), of equal ones the lowest."""
    best = _probabilities(maps[0])
    labels = np.zeros_like(best)
    for index, file in enumerate(maps[1:], start=1):
        values = _probabilities(file)
        if values.shape != best.shape:
            sizes = [" x ".join(map(str, each.shape[::-1])) for each in (values, best)]
            wrong = f"{sizes[0]} pixels, while {maps[0].name} has {sizes[1]} (width x height)"
            raise BadFile(file, wrong, "maps of one size")
        better = values > best
        best[better], labels[better] = values[better], index
    return labels


def _probabilities(file: Path) -> Pixels:
    if not file.exists() and not file.is_symlink():
        raise BadFile(file, "missing", f"eleven maps _lbl00.png to _lbl10.png, each {_GREY}")
    decoded = decode(read_content(file), file)
    if (decoded.kind, decoded.image.mode, decoded.bits) != ("PNG", "L", 8):
        wrong = f"a {decoded.kind} of {decoded.bits} bits and the kind {decoded.image.mode}"
        raise BadFile(file, wrong, _GREY)
    return np.array(decoded.image)
