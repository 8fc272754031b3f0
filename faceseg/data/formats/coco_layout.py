"""The places of COCO's JSON files, and of the images that each of them lists."""

from pathlib import Path
from typing import NamedTuple

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.file_lookup import check_folder, files_with, split_of
from faceseg.data.image_files import folders_in
from faceseg.data.paired_files import contents
from faceseg.errors import UserError

_ROBOFLOW = "_annotations.coco.json"
_PREFIX = "instances_"
_EXPECTED = (
    f"annotations/{_PREFIX}train.json (val, test) beside images/, "
    f"{{train,valid,test}}/{_ROBOFLOW}, or one JSON file"
)


class CocoFile(NamedTuple):
    """A JSON file, its split, and the folders in which its images may be, relative to the root."""

    path: Path
    split: str
    folders: tuple[str, ...]


def find_coco_files(path: Path) -> tuple[Path, list[CocoFile]]:
    """Return the root folder and the JSON files of a data set.

    Raises:
        UserError: There is none, or their names stand for no splits.
    """
    if path.is_file():
        root = path.parent.parent if path.parent.name == "annotations" else path.parent
        return root, [CocoFile(path, ALL, _image_folders(path, root))]
    check_folder(path, f"{_EXPECTED} in it")
    found = _of_annotations(path) or _of_split_folders(path) or _single(path)
    if not found:
        raise UserError(f"{path} contains no COCO file; expected {_EXPECTED}{_hint(path)}")
    splits = [file.split for file in found]
    if len(set(splits)) < len(splits) or (ALL in splits and len(splits) > 1):
        names = ", ".join(str(file.path.relative_to(path)) for file in found)
        raise UserError(
            f"{path}: {names} are not one file for each split; expected names with train, val and "
            "test, each once. Pass one of the files instead of the folder, or rename them"
        )
    return path, found


def _of_annotations(root: Path) -> list[CocoFile]:
    folder = root / "annotations"
    if not folder.is_dir():
        return []
    files = files_with(".json", folder)
    instances = [file for file in files if file.name.startswith(_PREFIX)] or files
    return [_file(file, file.stem.removeprefix(_PREFIX), root) for file in instances]


def _of_split_folders(root: Path) -> list[CocoFile]:
    folders = [folder for folder in folders_in(root) if split_of(folder.name)]
    return [
        _file(folder / _ROBOFLOW, folder.name, root)
        for folder in folders
        if (folder / _ROBOFLOW).is_file()
    ]


def _single(root: Path) -> list[CocoFile]:
    files = files_with(".json", root)
    if len(files) == 1:
        return [CocoFile(files[0], ALL, _image_folders(files[0], root))]
    return [_file(file, file.stem.removeprefix(_PREFIX), root) for file in files]


def _file(file: Path, name: str, root: Path) -> CocoFile:
    return CocoFile(file, split_of(name) or ALL, _image_folders(file, root, name))


def _image_folders(file: Path, root: Path, name: str = "") -> tuple[str, ...]:
    """Return the folders in which a file's images may be, the most likely first."""
    beside = file.parent.relative_to(root).as_posix()
    named = (f"images/{name}", name) if name else ()
    return (
        ("images", *named, ".", beside) if beside == "annotations" else (beside, "images", *named)
    )


def _hint(path: Path) -> str:
    """Suggest a folder inside `path` that has the layout."""
    for inner in folders_in(path):
        if _of_annotations(inner) or _of_split_folders(inner):
            return f". Did you mean {inner}?"
    return f"; found: {contents(path)}"
