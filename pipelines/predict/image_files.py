"""Which images are meant, and what their results are called."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from faceseg.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png")


def find_images(wanted: Sequence[str], out: Path) -> list[Path]:
    """Return the images that are meant, each once, in order; UserError if a word means none.

    A folder means all JPEG and PNG files in it and below, but for those in `out`; `**` in a
    pattern means any folders.
    """
    if not wanted:
        raise UserError("no images were given; expected files, folders of them, or patterns")
    found: dict[Path, Path] = {}
    for word in wanted:
        paths = _matching_images(word, out)
        if not paths:
            raise UserError(
                f"{word!r} means no image: it is no file, no folder with {', '.join(SUFFIXES)}"
                " files, and no pattern of such"
            )
        for path in paths:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def result_names(images: Sequence[Path]) -> list[str]:
    """Name the result of each image: by its stem, as long as all stems differ.

    Otherwise by the path from the folder that all have in common, and if even those are alike
    (`a.jpg` beside `a.png`) with the suffix. One rule for all: no name hangs on the order.
    Compared without case: `A.jpg` and `a.jpg` are one name on some disks.
    """
    paths = [path.resolve() for path in images]
    common = Path(os.path.commonpath([path.parent for path in paths]))
    rules: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.relative_to(common).with_suffix("").as_posix(),
        lambda path: path.relative_to(common).as_posix(),
    )
    for rule in rules:
        found = [rule(path) for path in paths]
        if len({name.casefold() for name in found}) == len(found):
            return found
    counts = Counter(name.casefold() for name in found)
    twice = next(name for name in found if counts[name.casefold()] > 1)
    raise UserError(
        f"two images are called {twice} but for upper and lower case: rename one of them"
    )


def _matching_images(word: str, out: Path) -> list[Path]:
    path = Path(word).expanduser()
    if path.is_dir():
        return _images(path.rglob("*"), out)
    if path.exists():
        return [path]  # whatever it is called: reading it will tell
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
