"""Label maps in colours, PNGs in RGB or with a palette, by the colours that the user gives.

The layouts are those of LaPa (github.com/JDAI-CV/lapa-dataset), `{train,val,test}/images` beside
`{train,val,test}/labels`, and the same without splits. Images and labels are paired by stem.

Shapes: H rows, W columns of the image after its EXIF rotation.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceseg.data.classes import IGNORE, ClassSet, Colour
from faceseg.data.decoding import decode, decoder_errors, read_content
from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.mask_files import Layout, masked_images
from faceseg.data.formats.nearest_colours import MAX_COLOURS, ColourCounts, ColourTable
from faceseg.data.formats.splitting import SPLITS
from faceseg.data.image_files import images_by_stem, printable
from faceseg.data.images import Pixels
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

IGNORED = "ignore"  # the name under which a palette gives the colours of ignored pixels
MAX_CLASSES = IGNORE - 1

_COLOURS = "a PNG in 8-bit RGB or with a palette, not transparent"
_EXAMPLE = "expected a mapping such as {background: [0, 0, 0], skin: [0, 153, 255]}"
_FOLDERS = ("images", "labels")


def _has_images_and_labels(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in _FOLDERS)


_LAYOUT = Layout(
    "colour-coded labels",
    "images/ and labels/, or {train,val,test}/images and {train,val,test}/labels",
    lambda folder: any(_has_images_and_labels(folder / each) for each in ("", *SPLITS)),
)


@dataclass(frozen=True)
class ColourTally:
    """The inexact pixels of the label maps that were read, by file relative to the root.

    It is filled while images are read, from several threads.
    """

    files: dict[str, ColourCounts] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, file: str, counts: ColourCounts) -> None:
        """Record the counts of a file; reading it again changes nothing."""
        with self._lock:
            self.files[file] = counts

    def lines(self) -> tuple[str, ...]:
        """Return a line for each file with inexact pixels, in the order of the names."""
        with self._lock:
            return tuple(
                f"{file}: {_described(counts)}"
                for file, counts in sorted(self.files.items())
                if counts.mixed or counts.unknown
            )

    def summary(self) -> str | None:
        """Return the inexact pixels of all files; None if all colours were exact."""
        with self._lock:
            found = [each for each in self.files.values() if each.mixed or each.unknown]
            if not found:
                return None
            total = ColourCounts(
                sum(each.pixels for each in self.files.values()),
                sum(each.mixed for each in found),
                sum(each.unknown for each in found),
            )
            return f"{len(found)} of {len(self.files)} label maps: {_described(total)}"


@dataclass(frozen=True, kw_only=True)
class ColourAnnotations(Annotations):
    """Annotations in colours, with the tally of inexact pixels."""

    tally: ColourTally

    def all_notes(self) -> tuple[str, ...]:
        """Return `notes` and the summary of the tally."""
        summary = self.tally.summary()
        return self.notes if summary is None else (*self.notes, summary)


def read_colours(path: Path, palette: Mapping[str, Sequence[object]]) -> ColourAnnotations:
    """List the images of a folder whose labels are colours.

    Args:
        path: A folder in LaPa's layout, of which splits may be missing, or with `images` and
            `labels`.
        palette: For each class its colour [red, green, blue], 0 to 255, or a list of colours. The
            first class is the background, with the id 0. The name `ignore` stands for ignored
            pixels.

    Returns:
        The images with the classes of the palette.

    Raises:
        UserError: The folder has another layout, or the palette is not as described.
    """
    classes, table = _parsed(palette)
    _LAYOUT.check_root(path)
    splits = [split for split in SPLITS if (path / split).is_dir()]
    if not splits and not any((path / each).exists() for each in _FOLDERS):
        raise _LAYOUT.error(path, "there are neither splits nor images/")
    tally = ColourTally()

    def read_mask(file: Path) -> Pixels:
        labels, counts = table.labels(_colours(file), file)
        tally.add(file.relative_to(path).as_posix(), counts)
        return labels

    found = {}
    for split, prefix in [(each, f"{each}/") for each in splits] or [(ALL, "")]:
        images_folder, labels_folder = (
            _LAYOUT.check_folder(path, f"{prefix}{name}") for name in _FOLDERS
        )
        images = images_by_stem(images_folder)
        _LAYOUT.check_images(path, images_folder, images)
        found[split] = masked_images(
            images, images_by_stem(labels_folder), path, classes, read_mask
        )
    return ColourAnnotations(classes=classes.names, splits=found, root=path, tally=tally)


def _colours(file: Path) -> Pixels:
    """Return the colours in a label file, RGB (H, W, 3)."""
    decoded = decode(read_content(file), file)
    if decoded.kind != "PNG":
        raise BadFile(file, f"a {decoded.kind}, whose colours may have changed", _COLOURS)
    image = decoded.image
    if decoded.bits > 8 or image.mode not in ("1", "L", "P", "RGB", "LA", "RGBA"):
        raise BadFile(file, f"{decoded.bits} bits of the kind {image.mode}", _COLOURS)
    if image.mode == "P" and image.palette is None:
        raise BadFile(file, "a palette image without a palette", _COLOURS)
    with decoder_errors(file):
        if image.has_transparency_data and np.any(np.asarray(image.convert("RGBA"))[..., 3] < 255):
            raise BadFile(file, "partly transparent", _COLOURS)
        return np.array(image.convert("RGB"))


def _described(counts: ColourCounts) -> str:
    text = (
        f"{counts.mixed:,} of {counts.pixels:,} pixels ({counts.mixed / counts.pixels:.2%}) have "
        "mixed colours and took the class of the nearest one"
    )
    if counts.unknown:
        text += f"; {counts.unknown:,} have unknown colours and are ignored"
    return text


# --- The palette that the user gives.


def _parsed(palette: Mapping[str, Sequence[object]]) -> tuple[ClassSet, ColourTable]:
    """Return the classes and the id of each colour; raise UserError if the palette is wrong."""
    if not isinstance(palette, Mapping):
        raise UserError(f"the palette of the colours is no mapping; {_EXAMPLE}")
    names = [name for name in palette if name != IGNORED]
    if not 2 <= len(names) <= MAX_CLASSES:
        raise UserError(
            f"the palette has {len(names)} classes; expected 2 to {MAX_CLASSES}, the first of "
            f"which is the background. {_EXAMPLE}"
        )
    ids: dict[Colour, int] = {}
    owner: dict[Colour, str] = {}
    for name, given in palette.items():
        if not isinstance(name, str) or not name:
            raise UserError(f"{name!r} is no name of a class; write it in quotes. {_EXAMPLE}")
        for colour in _listed(name, given):
            if colour in owner:
                raise UserError(
                    f"the palette gives the colour {list(colour)} to {owner[colour]} and to "
                    f"{name}; expected each colour once. Remove one of them"
                )
            owner[colour] = name
            ids[colour] = IGNORE if name == IGNORED else names.index(name)
    if len(owner) > MAX_COLOURS:
        raise UserError(f"the palette has {len(owner)} colours; expected at most {MAX_COLOURS}")
    first = {name: colour for colour, name in reversed(owner.items())}
    classes = ClassSet(names=tuple(names), palette=tuple(first[name] for name in names), face=())
    return classes, ColourTable(ids)


def _listed(name: str, given: object) -> list[Colour]:
    """Return the colours that the palette gives to a class."""
    if isinstance(given, Sequence) and not isinstance(given, str) and given:
        colours = [given] if isinstance(given[0], int) else given
        found = [colour for each in colours if (colour := _colour(each)) is not None]
        if len(found) == len(colours):
            return found
    raise UserError(
        f"the palette gives {name} {printable(repr(given)[:80])}; expected [red, green, blue] with "
        "numbers from 0 to 255, or a list of such colours"
    )


def _colour(given: object) -> Colour | None:
    if not isinstance(given, Sequence) or len(given) != 3:
        return None
    if not all(type(each) is int and 0 <= each <= 255 for each in given):
        return None
    red, green, blue = given
    return red, green, blue
