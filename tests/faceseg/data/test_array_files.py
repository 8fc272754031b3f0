"""An `.npz` file that unpacks to far more than it stores is refused before memory is taken."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faceseg.data.array_files import read_arrays
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.training.checkpointing import read_state, restore_checkpoint
from tests.faceseg.data.hostile_arrays import array_header

READERS: dict[str, Callable[[Path], object]] = {
    "arrays": read_arrays,
    "records": EvaluationRecords.read,
    "checkpoint": restore_checkpoint,
    "state": read_state,
}


def write(path: Path, content: bytes) -> None:
    """Write one content as every array that a reader may look for first."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ids", "state", "worst"):
            archive.writestr(f"{name}.npy", content)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    write(folder / "zeros.npz", array_header((40_000_000,)) + bytes(40_000_000))  # 120 MB in all
    write(folder / "shape.npz", array_header((2**40,)) + bytes(10))
    write(folder / "negative.npz", array_header((-1, -10)) + bytes(10))
    write(folder / "version.npz", b"\x93NUMPY\x07\x00" + bytes(100))
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bomb", ["zeros", "shape", "negative", "version"])
def test_an_array_beyond_its_file_is_refused(
    bomb: str, reader: str, bombs: dict[str, Path]
) -> None:
    assert bombs[bomb].stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, UserError)):
            READERS[reader](bombs[bomb])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_mostly_zeros_are_read(tmp_path: Path) -> None:
    counts = np.zeros((500, 60, 60), np.int32)
    counts[:, 3, 4] = 7
    np.savez_compressed(tmp_path / "x.npz", counts=counts, text=np.array(["Zürich"]), none=[])
    found = read_arrays(tmp_path / "x.npz")
    np.testing.assert_array_equal(found["counts"], counts)
    assert found["text"][0] == "Zürich"
    assert found["none"].shape == (0,)
    assert list(read_arrays(tmp_path / "x.npz", only="text")) == ["text"]
