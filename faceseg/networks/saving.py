"""A trained network as one file: a `.keras` archive that also says what its classes are.

Keras's archive is a zip of JSON and HDF5. One more member, `faceseg.json`, makes it complete:
the class set (names, ids, palette, left/right pairs) and where the network comes from. Keras
ignores the extra member, so any Keras program with this package installed can load the file.
"""

import json
import os
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import keras

from faceseg import networks  # noqa: F401  # registers the layers that a file may name
from faceseg.data.classes import ClassSet
from faceseg.errors import UserError, first_line

METADATA_FILE = "faceseg.json"
# What Keras, h5py, json and zipfile raise for a file that is not what it should be.
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, OSError, RuntimeError, ImportError),
    zipfile.BadZipFile,
)


def save_network(
    network: keras.Model, path: Path, classes: ClassSet, origin: dict[str, Any]
) -> None:
    """Write `network` to `path`, which must end in `.keras`, replacing it in one step.

    origin: JSON-able facts about where it comes from (architecture, seed, scores …).
    Raises ValueError for another ending. A save that fails leaves the old file and no other.
    """
    if path.suffix != ".keras":
        raise ValueError(f"{path}: expected a name that ends in .keras")
    facts = json.dumps({"classes": classes.model_dump(), "origin": origin}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        network.save(unfinished)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(METADATA_FILE, facts)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_metadata(path: Path) -> tuple[ClassSet, dict[str, Any]]:
    """Return the class set and the origin stored in a file written by `save`.

    Raises UserError if there is no such file, or if it is another or a damaged one, or one
    whose members would lie outside of the folder that it is unpacked into.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; expected a model saved by faceseg")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.namelist())
            facts = json.loads(archive.read(METADATA_FILE))
        return ClassSet.model_validate(facts["classes"]), dict(facts["origin"])
    except _UNREADABLE as error:
        raise UserError(
            f"{path} is not a model saved by faceseg: no {METADATA_FILE} can be read from it "
            f"({first_line(error)}); give a best.keras of a run, or a registry address"
        ) from error


def load_network(path: Path) -> tuple[keras.Model, ClassSet, dict[str, Any]]:
    """Load network, class set and origin; code inside the file is refused (safe mode).

    Raises UserError for what `read_facts` refuses, for code, and for a damaged network.
    """
    classes, origin = read_metadata(path)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be loaded safely: {first_line(error)}") from error
    return network, classes, origin


def _check_members(path: Path, names: list[str]) -> None:
    for name in names:
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts:
            raise UserError(
                f"{path} cannot be loaded safely: its member {name!r} points outside of the file; "
                "no model saved by faceseg has one"
            )
