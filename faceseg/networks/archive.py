"""Checks of a `.keras` archive before anything in it is unpacked, built or read into memory.

A file of a few megabytes can unpack to gigabytes, describe layers of 2**31 filters, or declare
arrays that it does not contain. The checks compare what a file requires with what it stores, so
they need no bound on the size of a network.
"""

import json
import math
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import keras

from faceseg.errors import UserError, first_line

METADATA_FILE = "faceseg.json"
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.weights.h5"
# The members of a file of `save_network`, with the largest size of the texts. The configuration
# of the largest network here has 0.2 MB; building takes time in proportion to it.
MEMBERS = {
    METADATA_FILE: 1_000_000,
    "metadata.json": 1_000_000,
    CONFIG_FILE: 4_000_000,
    WEIGHTS_FILE: math.inf,
}
MAX_EXPANSION = 20  # Keras stores members as they are; trained weights compress to 9 tenths
SLACK = 16_000_000  # bytes
MAX_OUTPUT = 2**31  # values of one layer for one image; frameworks number them with 32 bits


def check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Check the directory of the archive.

    Raises:
        UserError: A member points outside of the archive, is repeated or is not one that
            `save_network` writes, or is far larger than the bytes that are stored for it.
    """
    members = archive.infolist()
    for info in members:
        member = PurePosixPath(info.filename.replace("\\", "/"))
        if member.is_absolute() or ".." in member.parts:
            raise _refusal(path, f"its member {info.filename[:200]!r} points outside of the file")
    for info in members:
        if info.filename not in MEMBERS:
            raise _refusal(path, f"it has a member {info.filename[:200]!r}")
        allowed = min(MEMBERS[info.filename], MAX_EXPANSION * info.compress_size + SLACK)
        if info.file_size > allowed:
            raise _refusal(
                path,
                f"its member {info.filename} unpacks from {info.compress_size / 1e6:,.1f} to "
                f"{info.file_size / 1e6:,.1f} MB",
            )
    if len({info.filename for info in members}) < len(members):
        raise _refusal(path, "it has two members of one name")


def check_network(path: Path, archive: zipfile.ZipFile) -> None:
    """Check that the configuration needs no more weights than the archive stores.

    The network is built without values, which takes about a sixth of the time of loading it.

    Raises:
        UserError: The layers need far more weights than are stored, an output of a layer is too
            large, or an array in the weights file is larger than the file.
    """
    stored = archive.getinfo(WEIGHTS_FILE).file_size
    with archive.open(WEIGHTS_FILE) as file, h5py.File(file, "r") as weights:
        declared = sum(_array_sizes(weights))
    if declared > stored + SLACK:
        raise _refusal(
            path,
            f"{WEIGHTS_FILE} has {stored / 1e6:,.1f} MB and declares arrays of "
            f"{declared / 1e6:,.1f} MB",
        )
    needed, largest = _measure(json.loads(archive.read(CONFIG_FILE)))
    if needed > stored + SLACK:  # a weight has at least one byte, and usually four
        raise _refusal(
            path, f"its layers need {needed:,} weights, but it stores {stored / 1e6:,.1f} MB"
        )
    if largest > MAX_OUTPUT:
        raise _refusal(path, f"a layer of it has an output of {largest:,} values for one image")


def _array_sizes(weights: h5py.File) -> list[int]:
    """Return the declared size of each array in bytes; links to other places are not followed."""
    sizes: list[int] = []

    def visit(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape or ()) * item.dtype.itemsize)

    weights.visititems(visit)
    return sizes


def _measure(config: dict[str, Any]) -> tuple[int, int]:
    """Return the number of weights of a network, and of the values of its largest output.

    Variables that are created in a `StatelessScope` get no values. Keras keeps a list of them to
    give them values later, one for each thread, so it is made in a thread of its own.

    Raises:
        ValueError: Keras cannot build the network, or refuses to.
    """
    found: list[tuple[int, int]] = []
    errors: list[Exception] = []

    def build() -> None:
        try:
            with keras.StatelessScope(initialize_variables=False):
                network = keras.saving.deserialize_keras_object(
                    {**config, "compile_config": None}, safe_mode=True
                )
            weights = sum(math.prod(each.shape) for each in network.variables)
            found.append((weights, max(_output_sizes(network), default=0)))
        except Exception as error:  # of any kind: the file is not trusted; raised below
            errors.append(error)

    thread = threading.Thread(target=build, name="faceseg-measure")
    thread.start()
    thread.join()
    if errors:
        raise ValueError(first_line(errors[0])) from errors[0]
    return found[0]


def _output_sizes(network: keras.Model) -> Iterator[int]:
    """Yield the values of each layer's outputs for one image; an open side counts as 1."""
    for layer in network._flatten_layers():
        for node in layer._inbound_nodes:
            for output in node.output_tensors:
                yield math.prod(side or 1 for side in output.shape)


def _refusal(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} cannot be loaded safely: {reason}; no model that Keras saves is like this. "
        "Save the model again; of faceseg, give a best.keras of a run, or a registry address"
    )
