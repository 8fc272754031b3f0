"""Find the images that the command line names, and name their results."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from faceseg.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png")


def find_images(patterns: Sequence[str], out: Path) -> list[Path]:
    """Return the images that paths and patterns match, without duplicates, in order.

    Args:
        patterns: Files, folders or glob patterns. A folder matches all JPEG and PNG files in it
            and its subfolders; `**` in a pattern matches any folders.
        out: The output folder; its files are never matched.

    Raises:
        UserError: Nothing was given, or one of the paths matches no image.
    """
    if not patterns:
        raise UserError("no images were given; expected files, folders of them, or patterns")
    found: dict[Path, Path] = {}
    for pattern in patterns:
        paths = _matching_images(pattern, out)
        if not paths:
            raise UserError(
                f"{pattern!r} matches no image: it is not a file, not a folder that contains "
                f"{', '.join(SUFFIXES)} files, and not a pattern that matches such files"
            )
        for path in paths:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def result_names(images: Sequence[Path]) -> list[str]:
    """Return the name of each image's result, unique even without regard to case.

    The name is the stem, if all stems differ; else the path below the common folder; else
    (`a.jpg` beside `a.png`) that path with its suffix. One rule applies to all images, so
    that no name depends on their order. Some file systems treat `A.jpg` and `a.jpg` as one file.

    Raises:
        UserError: Two paths differ only in case.
    """
    paths = [path.resolve() for path in images]
    common = Path(os.path.commonpath([path.parent for path in paths]))
    rules: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.relative_to(common).with_suffix("").as_posix(),
        lambda path: path.relative_to(common).as_posix(),
    )
    for rule in rules:
        names = [rule(path) for path in paths]
        if len({name.casefold() for name in names}) == len(names):
            return names
    counts = Counter(name.casefold() for name in names)
    twice = next(name for name in names if counts[name.casefold()] > 1)
    raise UserError(
        f"the paths of two images, {twice} among them, differ only in case: rename one of them"
    )


def _matching_images(word: str, out: Path) -> list[Path]:
    path = Path(word).expanduser()
    if path.is_dir():
        return _images(path.rglob("*"), out)
    if path.exists():
        return [path]  # whatever its suffix: reading it fails if it is no image
    return _images((Path(name) for name in glob.glob(str(path), recursive=True)), out)


def _images(paths: Iterable[Path], out: Path) -> list[Path]:
    inside = out.resolve()
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and inside not in path.resolve().parents
    )
