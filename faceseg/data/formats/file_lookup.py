"""Find the files that an annotation names, in its folder only; ids and splits from names."""

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from faceseg.data.image_files import is_passed_over, is_utf8, printable, visible_entries
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(name: str) -> str | None:
    """Return the split that a name stands for: 'train' for `train2017`, 'val' for `valid`."""
    return _SPLITS.get(name.lower().rstrip("0123456789").rstrip("_-"))


def confined(name: str, folder: str, root: Path, index: Path) -> Path:
    """Return the file of which an annotation contains the name.

    Windows' separators are accepted. `..` is accepted while the file remains in the root.

    Args:
        name: The name as written.
        folder: The folder to which it is relative, itself relative to the root.
        root: The folder that contains all files.
        index: The file that contains the name, for the message of an error.

    Raises:
        BadFile: The name is empty or absolute, leads out of the root, or cannot be a file's name.
    """
    written = name.replace("\\", "/")
    relative = posixpath.normpath(posixpath.join(folder, written))
    absolute = written.startswith("/") or written[1:2] == ":"
    outside = relative == ".." or relative.startswith("../")
    if not written.strip() or absolute or outside or not is_utf8(name) or "\0" in name:
        wrong = f"contains the file name {name[:200]!a}"
        raise BadFile(index, wrong, f"the relative path of a file in {root}")
    return root / relative


def first_existing(candidates: Sequence[Path]) -> Path:
    """Return the first path at which something is, a link without its target too; else the first.

    A name that is too long for the file system exists nowhere.
    """
    return next((path for path in candidates if os.path.lexists(path)), candidates[0])


def unique_ids(files: Sequence[Path], root: Path, index: Path) -> list[str]:
    """Return the ids of the images of one split, in the same order.

    An id is the stem of the image's file. Images in different folders that share a stem have the
    names of their folders before it, joined by `__`.

    Args:
        files: The image files.
        root: The folder that contains them.
        index: The file or folder that lists them, for the message of an error.

    Raises:
        UserError: Two images have the same id: an image is listed twice, or two files differ only
            in their suffix.
    """
    stems = Counter(file.stem for file in set(files))
    ids = [
        printable(
            file.stem
            if stems[file.stem] == 1
            else "__".join(file.relative_to(root).with_suffix("").parts)
        )
        for file in files
    ]
    (repeated, count), *_ = Counter(ids).most_common(1) or [("", 0)]
    if count > 1:
        same = [file for file, each in zip(files, ids, strict=True) if each == repeated]
        names = ", ".join(printable(file.relative_to(root)) for file in same[:3])
        raise UserError(
            f"{index}: {count} images have the id {repeated!r} ({names}); expected each image once "
            "and names that differ before the suffix. Rename or leave out all but one"
        )
    return ids


def files_with(suffix: str, folder: Path) -> list[Path]:
    """Return the visible files directly in a folder that end in `suffix`, sorted."""
    return [
        each
        for each in visible_entries(folder)
        if each.suffix.lower() == suffix and not each.is_dir()
    ]


def check_folder(path: Path, expected: str) -> None:
    """Raise UserError unless `path` is a folder."""
    if not path.is_dir():
        kind = "is a file" if path.exists() else "does not exist"
        raise UserError(f"the data folder {path} {kind}; expected {expected}")


def leave_out(folder: Path) -> bool:
    """Return whether a folder is hidden or the system's."""
    return is_passed_over(folder.name)


def counted(notes: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Return the notes whose counts are above 0, each with its count in front."""
    return tuple(f"{count} {text}" for count, text in notes if count)
