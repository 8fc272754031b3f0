"""Packing by real processes: concurrent ones, a killed one, and one whose disk fills up."""

import multiprocessing
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.classes import LAPA
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack
from faceseg.data.source import Facts, Pair
from faceseg.errors import UserError

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class SlowItem:
    """An item of random pixels; every read appends a line to a log."""

    id: str
    log: Path
    seconds: float

    def read(self) -> Pair:
        with self.log.open("a") as file:
            file.write(f"{self.id}\n")
        time.sleep(self.seconds)
        rng = np.random.default_rng(int(self.id))
        image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        return image, rng.integers(0, 11, (40, 40), dtype=np.uint8)

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        return {}


@dataclass(frozen=True)
class SlowSource:
    """A source of twelve images in two splits."""

    log: Path
    seconds: float = 0.02
    splits: tuple[str, ...] = ("train", "val")

    def items(self, split: str) -> Sequence[SlowItem]:
        numbers = range(8) if split == "train" else range(8, 12)
        return [SlowItem(str(number), self.log, self.seconds) for number in numbers]

    def identity(self) -> Mapping[str, JsonValue]:
        return {"kind": "slow"}

    def notes(self) -> Sequence[str]:
        return ()


def pack_in_process(log: Path, root: Path, seconds: float, file_limit: int | None = None) -> None:
    if file_limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    try:
        build_pack(SlowSource(log, seconds), root, LAPA, (32, 32), threads=2)
    except UserError as error:
        (log.parent / "error").write_text(str(error))


def test_two_concurrent_processes_pack_once(tmp_path: Path) -> None:
    log, root = tmp_path / "log", tmp_path / "packs"
    processes = [SPAWN.Process(target=pack_in_process, args=(log, root, 0.05)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(map(int, log.read_text().split())) == list(range(12))  # each read once
    packs = list(root.iterdir())  # the pack alone: no lock and no partial folder
    assert len(packs) == 1
    assert Manifest.read(packs[0]) is not None


def test_a_killed_process_leaves_no_folder_that_counts_as_complete(tmp_path: Path) -> None:
    log, root = tmp_path / "log", tmp_path / "packs"
    process = SPAWN.Process(target=pack_in_process, args=(log, root, 0.2))
    process.start()
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().split()) >= 6):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    (partial,) = root.glob("*.partial")
    assert partial.is_dir()
    assert not list(root.glob("*/manifest.json"))

    folder, manifest = build_pack(SlowSource(log, 0), root, LAPA, (32, 32))
    assert manifest.splits["train"].count == 8
    assert list(root.iterdir()) == [folder]


def test_partial_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    for name in ("dead.partial", "alive.partial"):
        (tmp_path / name).mkdir()
    with FileLock(tmp_path / "alive.lock"):
        folder, _ = build_pack(SlowSource(tmp_path.parent / "log", 0), tmp_path, LAPA, (8, 8))
    names = {path.name for path in tmp_path.iterdir()}
    assert names - {"alive.lock"} == {"alive.partial", folder.name}


def test_a_disk_that_fills_up_is_a_user_error(tmp_path: Path) -> None:
    # The limit of a file's size is 20,000 bytes here; the training images need 24,576.
    log, root = tmp_path / "log", tmp_path / "packs"
    process = SPAWN.Process(target=pack_in_process, args=(log, root, 0, 20_000))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert (tmp_path / "error").read_text().startswith(f"no space left while packing into {root}")
    assert list(root.iterdir()) == []


def test_an_exception_of_the_source_leaves_no_folder(tmp_path: Path) -> None:
    class Broken(SlowItem):
        def read(self) -> Pair:
            raise RuntimeError("a defect")

    class BrokenSource(SlowSource):
        def items(self, split: str) -> Sequence[SlowItem]:
            return [Broken("1", self.log, 0)]

    with pytest.raises(RuntimeError, match="a defect"):
        build_pack(BrokenSource(tmp_path / "log"), tmp_path / "packs", LAPA, (8, 8))
    assert list((tmp_path / "packs").iterdir()) == []
