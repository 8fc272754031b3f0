"""Reading of numpy's `.npz` files whose content may come from another machine.

An archive of a few megabytes can unpack to gigabytes, and the header of an array can declare any
shape, for which numpy allocates memory before it reads. Nothing is unpickled.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

# Confusion matrices and label maps, which are mostly zeros, compress to between 1/8 and 1/50.
MAX_EXPANSION = 100
SLACK = 64_000_000  # bytes
# The exceptions of numpy and zipfile for a file of another kind, or a damaged one.
UNREADABLE = (ValueError, KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path, only: str | None = None) -> Arrays:
    """Read all arrays of an `.npz` file, or one, completely.

    Args:
        path: The file.
        only: The name of the array to read; None for all.

    Returns:
        The arrays by name.

    Raises:
        One of `UNREADABLE`: The file cannot be read or is damaged, has no array `only`, contains
            Python objects, or unpacks to far more than it stores.
    """
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        unpacked = sum(info.file_size for info in archive.infolist())
        stored = path.stat().st_size
        if unpacked > MAX_EXPANSION * stored + SLACK:
            raise ValueError(
                f"it would unpack from {stored / 1e6:,.1f} to {unpacked / 1e6:,.1f} MB"
            )
        chosen = members if only is None else {only: members[only]}
        return {name: _read_array(archive, info) for name, info in chosen.items()}


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} has a header of the unknown version {version}")
        shape, _, dtype = _HEADERS[version](file)
        contained = info.file_size - file.tell()
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize != contained:
            raise ValueError(
                f"{info.filename} declares the shape {shape} of {dtype}, but contains "
                f"{contained:,} bytes"
            )
        file.seek(0)
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array
