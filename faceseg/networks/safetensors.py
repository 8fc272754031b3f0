"""Read a `.safetensors` file, the format without code in which torch's weights are distributed.

The file begins with the length of a JSON header, 8 bytes with the lowest first. The header gives
the type, the shape and the first and last byte of each tensor, counted from the header's end.

Source: the format's description in github.com/huggingface/safetensors.
"""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError, first_line

MAX_HEADER = 10_000_000  # bytes; a network of a thousand tensors has 0.1 MB
TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4"}


def read_safetensors(path: str | Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by name. No more is read than the file has.

    Raises:
        UserError: There is no such file, it has another format, is damaged, or has tensors of a
            type that weights do not have.
    """
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            header, start = _header(file, size)
            return {
                str(name): _tensor(file, entry, start, size)
                for name, entry in header.items()
                if name != "__metadata__"
            }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{str(path)!r} cannot be read as .safetensors ({first_line(error)}); expected a file "
            "of torch's weights in this format. Convert a .pth or .bin file as "
            "docs/networks.md describes."
        ) from error


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header, and the position of the first tensor."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise ValueError(f"its header would have {length:,} bytes")
    header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a table")
    return header, 8 + length


def _tensor(file: BinaryIO, entry: dict[str, Any], start: int, size: int) -> NDArray[Any]:
    """Return one tensor; its bytes must be in the file and as many as its shape needs."""
    if entry["dtype"] not in TYPES:
        raise ValueError(f"tensors of type {entry['dtype']!r}; expected {', '.join(TYPES)}")
    kind, shape = np.dtype(TYPES[entry["dtype"]]), entry["shape"]
    first, last = entry["data_offsets"]
    if any(type(each) is not int or each < 0 for each in (*shape, first, last)):
        raise ValueError("a shape or position is not a whole number")
    needed = math.prod(shape) * kind.itemsize
    if last - first != needed or start + last > size:
        raise ValueError(f"a tensor of {needed:,} bytes is not in the file")
    file.seek(start + first)
    return np.frombuffer(file.read(needed), kind).reshape(shape)
