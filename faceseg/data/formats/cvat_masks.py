"""CVAT's export "Segmentation mask 1.1", which follows Pascal VOC: PNG masks in colours.

Layout: `labelmap.txt`, `ImageSets/Segmentation/{train,val,test,default}.txt` with the names of the
images, `SegmentationClass/NAME.png` and `JPEGImages/NAME.jpg` (export with images). A mask of one
channel contains the numbers of the labels in `labelmap.txt`, counted from 0; a palette or colour
image contains their colours. Black is the background where no label has it.

Source: https://docs.cvat.ai/docs/dataset_management/formats/format-smask/
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import Colour
from faceseg.data.decoding import decode, decoder_errors, read_content
from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.file_lookup import confined, files_with, split_of, unique_ids
from faceseg.data.formats.json_files import read_text
from faceseg.data.formats.shapes import class_ids
from faceseg.data.image_formats import IMAGE_SUFFIXES
from faceseg.data.images import read_image, resize_labels
from faceseg.data.paired_files import contents
from faceseg.data.problems import BadFile, same_proportions
from faceseg.data.source import Pair
from faceseg.errors import UserError

LABELMAP = "labelmap.txt"
_LISTS = "ImageSets/Segmentation"
_MASKS = "SegmentationClass"
_IMAGES = ("JPEGImages", "images")
_UNION = "trainval"  # Pascal VOC's list of train and val together
_BLACK = (0, 0, 0)
_LINE = "name:red,green,blue:parts:actions"


@dataclass(frozen=True, kw_only=True)
class MaskedImage:
    """An image and its mask in colours (an `AnnotatedImage`).

    `colours` has the class id of each label's colour, in the order of `labelmap.txt`.
    """

    id: str
    image_file: Path
    mask_file: Path
    colours: Mapping[Colour, int]

    @property
    def files(self) -> Sequence[Path]:
        """The image and its mask."""
        return (self.image_file, self.mask_file)

    def read(self) -> Pair:
        """Return the RGB image (H, W, 3) and its labels (H, W).

        Raises:
            BadFile: A file is missing or damaged, a colour is no label's, or the sizes differ.
        """
        image = read_image(self.image_file)
        labels = _labels(self.mask_file, self.colours)
        size = image.shape[:2]
        if labels.shape != size and not same_proportions(labels, image):
            wrong = (
                f"the mask is {labels.shape[1]} x {labels.shape[0]}, its image is "
                f"{size[1]} x {size[0]} (width x height)"
            )
            raise BadFile(self.mask_file, wrong, "one shape for both, EXIF rotation applied")
        return image, resize_labels(labels, size)


def read_cvat_masks(root: Path) -> Annotations:
    """Read an unpacked export of masks; nothing is decoded.

    Args:
        root: The folder that contains `labelmap.txt`.

    Raises:
        UserError: A list or the label map is missing or damaged.
    """
    palette = _palette(root / LABELMAP)
    classes, ids = class_ids([name for name, _ in palette], root / LABELMAP)
    colours = {colour: ids[name] for name, colour in palette}
    lists = [file for file in files_with(".txt", root / _LISTS) if file.stem != _UNION]
    splits = [split_of(file.stem) or ALL for file in lists]
    if not lists or len(set(splits)) < len(splits) or (ALL in splits and len(splits) > 1):
        raise UserError(
            f"{root / _LISTS} contains {contents(root / _LISTS)}; expected train.txt, val.txt and "
            "test.txt, or one list such as default.txt"
        )
    return Annotations(
        classes=classes,
        splits={
            split: _images(file, root, colours) for split, file in zip(splits, lists, strict=True)
        },
        root=root,
        index_files=(root / LABELMAP, *lists),
    )


def _images(file: Path, root: Path, colours: Mapping[Colour, int]) -> tuple[MaskedImage, ...]:
    try:
        names = [line.strip() for line in _lines(file) if line.strip()]
        masks = [confined(f"{name}.png", ".", root / _MASKS, file) for name in names]
    except BadFile as bad:
        raise UserError(str(bad)) from bad
    images = [_image_of(mask.relative_to(root / _MASKS), root) for mask in masks]
    return tuple(
        MaskedImage(id=name, image_file=image, mask_file=mask, colours=colours)
        for name, image, mask in zip(unique_ids(masks, root, file), images, masks, strict=True)
    )


def _image_of(mask: Path, root: Path) -> Path:
    """Return the image of a mask, under whichever suffix it has."""
    places = [root / folder / mask for folder in _IMAGES]
    suffixes = sorted(IMAGE_SUFFIXES)
    candidates = [
        place.with_name(place.name.removesuffix(".png") + suffix)
        for place in places
        for suffix in (*suffixes, *(each.upper() for each in suffixes))
    ]
    missing = places[0].with_suffix(".jpg")
    return next((path for path in candidates if path.is_file() or path.is_symlink()), missing)


def _palette(file: Path) -> list[tuple[str, Colour]]:
    """Return the labels and their colours in the order of the file."""
    palette: list[tuple[str, Colour]] = []
    try:
        lines = _lines(file)
    except BadFile as bad:
        raise UserError(str(bad)) from bad
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.strip().rsplit(":", 3)
        parts = rest[0].split(",") if len(rest) == 3 else []
        channels = [
            int(part) for part in parts if part.strip().isascii() and part.strip().isdigit()
        ]
        if not name or len(parts) != 3 or len(channels) != 3 or max(channels) > 255:
            raise UserError(f"{file}, line {number}: {line[:80]!r}; expected {_LINE}")
        palette.append((name, (channels[0], channels[1], channels[2])))
    for kind, values in (
        ("label", [name for name, _ in palette]),
        ("colour", [colour for _, colour in palette]),
    ):
        repeated = [found for found, count in Counter(values).items() if count > 1]
        if repeated:
            raise UserError(f"{file}: the {kind} {repeated[0]} occurs twice; expected each once")
    return palette


def _lines(file: Path) -> list[str]:
    content = read_text(file, "a text file in UTF-8")
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadFile(file, "text that is not UTF-8", "a text file in UTF-8") from error


def _labels(file: Path, colours: Mapping[Colour, int]) -> NDArray[np.uint8]:
    """Return the class ids (H, W) of a mask."""
    expected = f"a PNG in the colours of {LABELMAP}"
    decoded = decode(read_content(file), file)
    if not decoded.exact or decoded.bits > 8:
        raise BadFile(file, f"a {decoded.kind} that may have changed the colours", expected)
    ids = dict(colours)
    if decoded.image.mode in ("L", "1"):
        pixels = np.asarray(decoded.image).astype(np.int64)
        if decoded.bits < 8 and decoded.image.mode == "L":
            pixels //= 255 // (2**decoded.bits - 1)  # Pillow scales grey of few bits to 255
        codes = np.arange(len(ids))
    else:
        ids.setdefault(_BLACK, 0)
        with decoder_errors(file):
            rgb = np.asarray(decoded.image.convert("RGB")).astype(np.int64)
        pixels = rgb @ np.array([1 << 16, 1 << 8, 1])
        codes = np.array(list(ids), dtype=np.int64) @ np.array([1 << 16, 1 << 8, 1])
    order = np.argsort(codes)
    place = np.minimum(np.searchsorted(codes, pixels, sorter=order), len(codes) - 1)
    found = order[place]
    if (strange := codes[found] != pixels).any():
        value = int(pixels[strange][0])
        is_grey = decoded.image.mode in ("L", "1")
        shown = value if is_grey else (value >> 16, value >> 8 & 255, value & 255)
        wrong = f"{int(strange.sum())} pixels have values of no label, such as {shown}"
        raise BadFile(file, wrong, expected)
    return np.array(list(ids.values()), dtype=np.uint8)[found]
