"""The `.safetensors` reader against bytes written by hand from the format's description."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.networks.safetensors import read_safetensors


def file_of(path: Path, header: Any, body: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    return path


def entry(shape: list[Any], first: int, last: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def test_tensors_of_a_file(tmp_path: Path) -> None:
    body = np.array([1, 2, 3, 4, 5, 6], "<f4").tobytes() + np.array([0.5], "<f2").tobytes()
    header = {
        "__metadata__": {"format": "pt"},
        "a.weight": entry([2, 3], 0, 24),
        "b": entry([], 24, 26, "F16"),
    }
    found = read_safetensors(file_of(tmp_path / "w.safetensors", header, body))
    assert found.keys() == {"a.weight", "b"}
    np.testing.assert_array_equal(found["a.weight"], [[1, 2, 3], [4, 5, 6]])
    assert found["b"] == 0.5


@pytest.mark.parametrize(
    ("header", "length", "message"),
    [
        ({"a": entry([1 << 40], 0, 4 << 40)}, None, "bytes is not in the file"),
        ({"a": entry([2], 0, 4)}, None, "bytes is not in the file"),
        ({"a": entry([1], -4, 0)}, None, "not a whole number"),
        ({"a": entry(["1"], 0, 4)}, None, "not a whole number"),
        ({"a": entry([1], 0, 8, "F4")}, None, "of type 'F4'"),
        ({"a": {"dtype": "F32"}}, None, "shape"),
        ([1], None, "not a table"),
        (b"{", None, "Expecting"),
        (b"[" * 100_000, None, "recursion"),
        ({}, 1 << 62, "its header would have"),
    ],
)
def test_a_damaged_or_hostile_file_is_rejected(
    header: Any, length: int | None, message: str, tmp_path: Path
) -> None:
    path = file_of(tmp_path / "w.safetensors", header, bytes(4), length)
    with pytest.raises(UserError, match=f"cannot be read as .safetensors .*{message}"):
        read_safetensors(path)


def test_an_empty_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read as"):
        read_safetensors(path)
