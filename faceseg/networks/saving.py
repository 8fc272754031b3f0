"""A trained network as one file: a `.keras` archive that also contains its class set.

Keras's archive is a zip of JSON and HDF5. The additional member `faceseg.json` contains the class
set (names, ids, palette, left/right pairs) and the network's origin. Keras ignores the member, so
every Keras program with this package installed can load the file.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError, first_line
from faceseg.networks import layers  # noqa: F401  # registers the layers that a file may contain
from faceseg.networks.archive import METADATA_FILE, check_members, check_network

# The exceptions of Keras, h5py, json and zipfile for a file of another kind or a damaged one.
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, OSError, RuntimeError, ImportError),
    zipfile.BadZipFile,
)


def save_network(
    network: keras.Model, path: Path, classes: ClassSet, origin: dict[str, Any]
) -> None:
    """Write `network` to `path`, replacing an existing file in one step.

    If saving fails, the existing file stays and no other file is left.

    Args:
        network: The network to save.
        path: A name that ends in `.keras`.
        classes: The class set of its outputs.
        origin: Metadata as JSON values (architecture, seed, scores …).

    Raises:
        ValueError: The name has another ending.
    """
    if path.suffix != ".keras":
        raise ValueError(f"{path}: expected a name that ends in .keras")
    metadata = json.dumps({"classes": classes.model_dump(), "origin": origin}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        network.save(unfinished)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(METADATA_FILE, metadata)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_metadata(path: Path) -> tuple[ClassSet, dict[str, Any]]:
    """Return the class set and the origin stored in a file of `save_network`.

    Raises:
        UserError: The file does not exist, was not written by `save_network`, is damaged, or
            unpacks to far more than it stores (`faceseg.networks.archive`).
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; expected a model saved by faceseg")
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive)
            metadata = json.loads(archive.read(METADATA_FILE))
        return ClassSet.model_validate(metadata["classes"]), dict(metadata["origin"])
    except _UNREADABLE as error:
        raise UserError(
            f"{path} is not a model saved by faceseg: no {METADATA_FILE} can be read from it "
            f"({first_line(error)}); give a best.keras of a run, or a registry address"
        ) from error


def load_network(path: Path) -> tuple[keras.Model, ClassSet, dict[str, Any]]:
    """Load the network, its class set and its origin from a file of `save_network`.

    Raises:
        UserError: The file is rejected by `read_metadata`, contains code (Keras's safe mode), or
            the network in it is damaged or needs far more memory than the file stores.
    """
    classes, origin = read_metadata(path)
    return load_foreign_network(path), classes, origin


def load_foreign_network(path: Path) -> keras.Model:
    """Load the network of any `.keras` file; the file need not be one of `save_network`.

    Raises:
        UserError: The file is damaged, contains code (Keras's safe mode) or a layer that neither
            Keras nor faceseg has, or needs far more memory than it stores.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive)
            check_network(path, archive)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be loaded safely: {first_line(error)}") from error


def has_metadata(path: Path) -> bool:
    """Return whether a `.keras` file is one of `save_network`."""
    with zipfile.ZipFile(path) as archive:
        return METADATA_FILE in archive.namelist()
