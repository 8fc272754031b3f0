"""labelme: a JSON file for each image, with polygons, rectangles, circles and masks.

Layout: JSON files in one folder and the folders in it, each with the path of its image. Folders
`train`, `val` and `test` are splits. A file `labels.txt`, as labelme's
option `--labels` takes it, is the list of all labels in the order of their ids: others are refused.
`_background_` is class 0, `__ignore__` is 255.

Points, lines and other shapes without an area are left out and counted. `group_id` and the copy of
the image in `imageData` are not used. Where shapes overlap, see `faceseg.data.formats.shapes`: the
smaller is on top, while labelme's own converters paint in the order of the file. They also paint a
polygon's outline, so their regions are about half a pixel larger.

Source: https://github.com/wkentaro/labelme (`_label_file.py`, `utils/shape.py`).
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceseg.data.file_reading import read_at_most
from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.formats.file_lookup import (
    check_folder,
    confined,
    counted,
    files_with,
    leave_out,
    split_of,
    unique_ids,
)
from faceseg.data.formats.json_files import read_json
from faceseg.data.formats.labelme_shapes import AREAS, LABELME_FILE, region_of
from faceseg.data.formats.shapes import (
    PaintedImage,
    Shape,
    Size,
    check_size,
    class_ids,
    label_id,
    named,
)
from faceseg.data.image_files import folders_below, folders_in, missing_target
from faceseg.data.paired_files import contents
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

_EXPECTED = "labelme's JSON with shapes and imagePath"
_LABELS_FILE = "labels.txt"
_MAX_LABELS_BYTES = 100_000


@dataclass(frozen=True, kw_only=True)
class LabelmeImage(PaintedImage):
    """An image with its JSON file."""

    ids: Mapping[str, int]

    @property
    def files(self) -> Sequence[Path]:
        """The image and its JSON file."""
        return (self.image_file, self.annotation_file)

    def shapes(self, size: Size) -> Iterator[Shape]:
        """Yield the shapes that have an area."""
        file = self.annotation_file
        content = read_json(file, LABELME_FILE, _EXPECTED)
        if content.imageWidth is not None and content.imageHeight is not None:
            annotated = (content.imageHeight, content.imageWidth)
            check_size(file, content.imagePath, annotated, size)
        for number, shape in enumerate(content.shapes):
            if shape.kind in AREAS:
                with named(file, f"shape {number}"):
                    label, region = label_id(self.ids, shape.label), region_of(shape, size)
                yield Shape(label, region)


def read_labelme(path: Path, labels: Sequence[str] | None = None) -> Annotations:
    """Read labelme's files; the images are not decoded.

    Args:
        path: The folder that contains the JSON files.
        labels: All labels in the order of their ids; others are refused. None takes them from
            `labels.txt`, or collects them from the JSON files, in alphabetical order.

    Raises:
        UserError: The folder contains no JSON file, or the labels are not usable.
    """
    check_folder(path, "a folder with labelme's JSON files")
    files = _files(path)
    found = {file: _skimmed(file, path) for each in files.values() for file in each}
    if labels is None:
        labels = _listed_labels(path)
    if labels is None:
        labels = sorted({label for each in found.values() for label in each.labels})
        if not labels:
            _check_problems(found)
    classes, ids = class_ids(labels, path)
    without_area: Counter[str] = Counter()
    for each in found.values():
        without_area.update(each.without_area)
    return Annotations(
        classes=classes,
        splits={
            split: [
                LabelmeImage(
                    id=name,
                    image_file=found[file].image,
                    annotation_file=file,
                    problem=found[file].problem,
                    ids=ids,
                )
                for name, file in zip(unique_ids(each, path, path), each, strict=True)
            ]
            for split, each in files.items()
        },
        root=path,
        index_files=_labels_files(path),
        notes=counted(
            (count, f"shapes of the type {kind!r} have no area and were left out")
            for kind, count in sorted(without_area.items())
        ),
    )


@dataclass(frozen=True)
class _Skimmed:
    """What the list of images needs of a JSON file."""

    image: Path
    problem: BadFile | None = None
    labels: frozenset[str] = frozenset()
    without_area: tuple[str, ...] = ()


def _check_problems(found: Mapping[Path, "_Skimmed"]) -> None:
    """Raise UserError with the first problem: without labels, no image could report it."""
    for each in found.values():
        if each.problem is not None:
            raise UserError(str(each.problem))


def _skimmed(file: Path, root: Path) -> _Skimmed:
    try:
        content = read_json(file, LABELME_FILE, _EXPECTED)
        folder = file.parent.relative_to(root).as_posix()
        image = confined(content.imagePath, folder, root, file)
    except BadFile as bad:
        return _Skimmed(file.with_suffix(".jpg"), bad)
    problem = None
    if not image.is_file() and missing_target(image) is None:
        copy = " (the copy in imageData is not read)" if content.imageData else ""
        wrong = f"its image {posixpath.normpath(content.imagePath)} is missing{copy}"
        problem = BadFile(file, wrong, f"the image file at {image}")
    kinds = [(shape.kind, shape.label) for shape in content.shapes]
    return _Skimmed(
        image,
        problem,
        frozenset(label for kind, label in kinds if kind in AREAS),
        tuple(kind for kind, _ in kinds if kind not in AREAS),
    )


def _files(root: Path) -> dict[str, list[Path]]:
    """Return the JSON files of each split."""
    folders = [] if files_with(".json", root) else folders_in(root)
    splits = [(name, folder) for folder in folders if (name := split_of(folder.name))]
    found: dict[str, list[Path]] = defaultdict(list)
    for split, folder in splits or [(ALL, root)]:
        for each in folders_below(folder, leave_out):
            found[split] += files_with(".json", each)
    if not any(found.values()):
        raise UserError(
            f"{root} contains no JSON file; expected one for each image, as labelme writes it; "
            f"found: {contents(root)}"
        )
    return {split: files for split, files in found.items() if files}


def _labels_files(root: Path) -> tuple[Path, ...]:
    return tuple(each for each in (root / _LABELS_FILE,) if each.is_file())


def _listed_labels(root: Path) -> list[str] | None:
    """Return the lines of `labels.txt`, or None if there is none."""
    for file in _labels_files(root):
        try:
            text = read_at_most(file, _MAX_LABELS_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file} cannot be read ({error}); expected a label a line") from error
        return [line.strip() for line in text.splitlines() if line.strip()]
    return None
