"""Find the images that the command line names, and name their results."""

import fnmatch
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from faceseg.data.image_files import (
    composed,
    folders_below,
    images_in,
    is_image,
    is_system_name,
    visible_entries,
)
from faceseg.data.image_formats import IMAGE_SUFFIXES
from faceseg.errors import UserError
from pipelines.predict.results import MASKS, OVERLAYS, SHARES_FILE


def find_images(patterns: Sequence[str], out: Path | None = None) -> list[Path]:
    """Return the images that paths and patterns match, without duplicates, in order.

    `faceseg.data.image_files` describes which files are skipped and how links are named.

    Args:
        patterns: Files, folders or glob patterns. A folder matches all images in it and its
            subfolders; `**` in a pattern matches any folders. The results of an earlier
            call in such folders are not matched.
        out: The output folder, which may be in one of the folders.

    Raises:
        UserError: Nothing was given, one of the paths matches no image, or a folder cannot be
            listed.
    """
    words = [word for word in patterns if not is_system_name(Path(word).name)]  # by the shell's *
    if not words:
        raise UserError("no images were given; expected files, folders of them, or patterns")
    found: dict[Path, Path] = {}
    for word in words:
        paths = _matching_images(word, lambda folder: _contains_results(folder, out))
        if not paths:
            raise UserError(
                f"{word!r} matches no image: it is not a file, not a folder that contains "
                f"{', '.join(IMAGE_SUFFIXES)} files, and not a pattern that matches such files"
            )
        for path in paths:
            found.setdefault(_absolute(path), path)
    return list(found.values())


def result_names(images: Sequence[Path]) -> list[str]:
    """Return the name of each image's result, unique on every file system.

    The name is the stem, if all stems differ; else the path below the common folder; else
    (`a.jpg` beside `a.png`) that path with its suffix. One rule applies to all images, so
    that no name depends on their order. Some file systems treat `A.jpg` and `a.jpg`, or the two
    spellings of `é` in Unicode, as one name.

    Raises:
        UserError: Two paths differ only in case or in Unicode's spelling.
    """
    paths = [_absolute(path) for path in images]
    common = Path(os.path.commonpath([path.parent for path in paths]))
    rules: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.relative_to(common).with_suffix("").as_posix(),
        lambda path: path.relative_to(common).as_posix(),
    )
    for rule in rules:
        names = [rule(path) for path in paths]
        first: dict[str, Path] = {}
        twins = [
            (earlier, path)
            for name, path in zip(names, images, strict=True)
            if (earlier := first.setdefault(_indistinct(name), path)) is not path
        ]
        if not twins:
            return names
    one, other = twins[0]
    raise UserError(
        f"{_spelt(one)} and {_spelt(other)} differ only in case or in Unicode's spelling, so "
        "that their results would be one file on some file systems: rename one of them"
    )


def _matching_images(word: str, leave_out: Callable[[Path], bool]) -> list[Path]:
    path = Path(os.path.expanduser(word))  # Path's raises for an unknown user
    if os.path.isdir(path):
        folders = folders_below(path, leave_out)
        return sorted(each for folder in folders for each in images_in(folder))
    if os.path.lexists(path):
        return [path]  # with any suffix: reading it fails if it is no image
    parts = path.relative_to(path.anchor).parts
    found = _expanded(Path(path.anchor), parts, leave_out)
    return sorted(each for each in set(found) if is_image(each))


def _expanded(
    start: Path, parts: Sequence[str], leave_out: Callable[[Path], bool]
) -> Iterator[Path]:
    """Yield the paths below `start` that match the parts of a pattern.

    `glob` would follow a loop of links forty times.
    """
    if not parts:
        yield start
        return
    first, rest = parts[0], parts[1:]
    if not glob.has_magic(first):
        yield from _expanded(start / first, rest, leave_out)
    elif os.path.isdir(start):
        if first == "**":
            for folder in folders_below(start, leave_out):
                yield from _expanded(folder, rest or ["*"], leave_out)
            return
        for entry in visible_entries(start):
            if fnmatch.fnmatch(entry.name, first) and not leave_out(entry):
                yield from _expanded(entry, rest, leave_out)


def _contains_results(folder: Path, out: Path | None) -> bool:
    """Return whether a folder is the output folder, or a folder of masks or overlays."""
    if out is not None and os.path.realpath(folder) == os.path.realpath(out):
        return True
    if folder.name not in (MASKS, OVERLAYS):
        return False
    parent = folder.parent
    is_out = out is not None and os.path.realpath(parent) == os.path.realpath(out)
    return is_out or os.path.isfile(parent / SHARES_FILE)


def _absolute(path: Path) -> Path:
    """Return an absolute path without `..`, whose last parts are spelt as given, links too."""
    parts = path.absolute().parts
    end = max((place + 1 for place, part in enumerate(parts) if part == ".."), default=0)
    return Path(os.path.realpath(Path(*parts[:end])) if end else "", *parts[end:])


def _indistinct(name: str) -> str:
    """Return a key that is equal for names that some file systems do not distinguish."""
    return composed(composed(name).casefold())


def _spelt(path: Path) -> str:
    """Return a path, with the code points of letters that look alike."""
    text = str(path)
    return text if text.isascii() else f"{text} ({text!a})"
