"""A checkpoint is complete or absent, is restored bit for bit, and runs no code."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.training.checkpointing import read_state, restore_checkpoint, write_checkpoint


def make_variables(seed: int, *shapes: tuple[int, ...]) -> list[keras.Variable]:
    draws = np.random.default_rng(seed)
    return [keras.Variable(draws.standard_normal(shape).astype(np.float32)) for shape in shapes]


INTEGER = keras.backend.standardize_dtype("int")  # the type of an optimizer's counter


def values(variables: list[keras.Variable]) -> list[Any]:
    return [keras.ops.convert_to_numpy(each).copy() for each in variables]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trial" / "latest.npz"


def test_a_written_checkpoint_is_restored_bit_for_bit(path: Path) -> None:
    model = [
        *make_variables(0, (3, 4), (), (2,)),
        keras.Variable(np.uint32([7, 9]), dtype="uint32", trainable=False),
    ]
    optimizer = [keras.Variable(5, dtype=INTEGER, trainable=False)]
    write_checkpoint(path, {"history": [0.1, float("nan")], "name": "Zürich"}, m=model, o=optimizer)
    other = [
        *make_variables(1, (3, 4), (), (2,)),
        keras.Variable(np.uint32([0, 0]), dtype="uint32", trainable=False),
    ]
    counter = [keras.Variable(0, dtype=INTEGER, trainable=False)]
    state = restore_checkpoint(path, m=other, o=counter)
    for one, another in zip(values(model + optimizer), values(other + counter), strict=True):
        np.testing.assert_array_equal(one, another)
        assert one.dtype == another.dtype
    assert state["history"][0] == 0.1
    assert np.isnan(state["history"][1])
    assert read_state(path)["name"] == "Zürich"


def test_one_group_alone_can_be_restored(path: Path) -> None:
    model, optimizer = make_variables(0, (2,)), make_variables(1, (5,))
    write_checkpoint(path, {}, m=model, o=optimizer)
    other = make_variables(2, (2,))
    restore_checkpoint(path, m=other)
    np.testing.assert_array_equal(*values(model + other))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(path, {"epoch": 1}, m=make_variables(0, (2,)))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, {"epoch": 2}, m=make_variables(1, (2,)))
    assert read_state(path) == {"epoch": 1}
    assert [each.name for each in path.parent.iterdir()] == ["latest.npz"]


def test_the_file_gets_its_name_only_when_it_is_on_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(path.exists()))
    write_checkpoint(path, {}, m=make_variables(0, (2,)))
    assert seen == [False]
    assert path.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    write_checkpoint(path, {}, m=make_variables(0, (50,)))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"latest\.npz is not a complete checkpoint .* remove it"):
        restore_checkpoint(path, m=make_variables(0, (50,)))


def test_a_damaged_array_is_refused_before_anything_changes(path: Path) -> None:
    write_checkpoint(path, {}, m=make_variables(0, (2,), (50,)))
    content = bytearray(path.read_bytes())
    place = content.index(make_variables(0, (2,), (50,))[1].numpy().tobytes())
    content[place + 100] ^= 1  # one bit of the second array
    path.write_bytes(content)
    variables = make_variables(1, (2,), (50,))
    before = values(variables)
    with pytest.raises(UserError, match="not a complete checkpoint"):
        restore_checkpoint(path, m=variables)
    np.testing.assert_array_equal(values(variables)[0], before[0])


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x93NUMPY\x01\x00"])
def test_another_file_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for read in (read_state, restore_checkpoint):
        with pytest.raises(UserError, match="not a complete checkpoint"):
            read(path)


def test_a_single_array_and_an_archive_without_a_state_are_refused(path: Path) -> None:
    path.parent.mkdir()
    for save in (np.save, np.savez):
        with path.open("wb") as stream:
            save(stream, np.zeros(3))
        with pytest.raises(UserError, match="not a complete checkpoint"):
            read_state(path)


def test_a_pickle_in_a_checkpoint_is_refused_and_not_run(path: Path, tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.touch, (tmp_path / "attacked",)

    path.parent.mkdir()
    state = np.frombuffer(b"{}", np.uint8)
    np.savez(path, allow_pickle=True, state=state, m0=np.array([Attack()], dtype=object))
    with pytest.raises(UserError, match="allow_pickle=False"):
        restore_checkpoint(path, m=make_variables(0, (1,)))
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (((2, 3), (5,)), r"m1 has shape \(4,\), not \(5,\)"),
        (((2, 3),), "it contains 2 arrays 'm', not 1"),
        (((2, 3), (4,), (4,)), "it contains 2 arrays 'm', not 3"),
    ],
)
def test_another_network_is_refused_and_not_changed(
    path: Path, shapes: tuple[tuple[int, ...], ...], reason: str
) -> None:
    write_checkpoint(path, {}, m=make_variables(0, (2, 3), (4,)))
    variables = make_variables(1, *shapes)
    before = values(variables)
    with pytest.raises(UserError, match=f"another network: {reason}"):
        restore_checkpoint(path, m=variables)
    for one, other in zip(values(variables), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_file_is_an_error(path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no checkpoint .*latest\.npz"):
        restore_checkpoint(path)
