"""What `faceseg clean` lists and deletes, and what it keeps."""

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from rich.console import Console

from faceseg.data.atomic_folder import locked
from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.data.pack import build_pack
from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.search.leases import study_lock
from pipelines.storage import cleaning
from pipelines.storage.cleaning import clean
from pipelines.storage.leftovers import Leftover
from tests.pipelines.conftest import RunFaceseg

STUDY = "earlier-821c85a1"


def files(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "mlflow.db" and path.suffix != ".lock"
    }


def cleaned(experiment: Experiment, *, delete: bool) -> set[str]:
    found = clean(experiment, Console(quiet=True), delete=delete)
    return {each.path.relative_to(experiment.storage).as_posix() for each in found}


def age(pack: Path) -> None:
    """Let a pack have been packed more than a day ago."""
    yesterday = time.time() - 25 * 3600
    os.utime(pack / "manifest.json", (yesterday, yesterday))


def write(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"." * size)
    return path


def test_what_a_killed_study_needs_is_kept(killed: Experiment, run_faceseg: RunFaceseg):
    checkpoints = killed.storage / "checkpoints" / STUDY
    outboxes = killed.storage / "outbox" / STUDY
    write(checkpoints / "segnet-trial-000" / "latest.npz", 3_000_000)  # of a complete trial
    (outboxes / "segnet-trial-000").mkdir()
    write(outboxes / "segnet-trial-001" / ".unfinished-12-34")
    write(
        killed.storage / "checkpoints" / "earlier-single-821c85a1" / "unet-trial-000" / "best.npz"
    )
    before = files(killed.storage)
    code, out = run_faceseg("clean", "--storage", killed.storage)
    assert code == 0
    assert files(killed.storage) == before
    lines = out.splitlines()
    assert lines[0].split("MB  ")[0].strip() == "3.0"
    assert lines[0].endswith("segnet-trial-000: checkpoints of a job that has ended")
    assert lines[-1] == "3 files and folders, 3.0 MB to delete with --delete"
    code, out = run_faceseg("clean", "--storage", killed.storage, "--delete")
    assert (code, out.splitlines()[-1]) == (0, "3 files and folders, 3.0 MB deleted")
    gone = {
        path.relative_to(killed.storage).as_posix()
        for path in before.keys() - files(killed.storage)
    }
    assert gone == {
        f"checkpoints/{STUDY}/segnet-trial-000/latest.npz",
        f"outbox/{STUDY}/segnet-trial-001/.unfinished-12-34",
    }
    assert not (outboxes / "segnet-trial-000").exists()
    assert list((checkpoints / "segnet-trial-001").iterdir())  # it is resumed from there


def test_delivered_records_of_a_run_that_has_not_ended_are_kept(killed: Experiment):
    """The run is restored from them if MLflow loses it; its end removes them."""
    outboxes = killed.storage / "outbox" / STUDY
    write(outboxes / "unet-trial-000" / "00000001.sent")
    write(outboxes / "unet-trial-001" / "00000001.refused")
    write(outboxes / "unet-trial-002" / "00000001.files" / "history.csv")  # without its record
    found = clean(killed, Console(quiet=True), delete=True)
    assert [(each.path.name, each.reason) for each in found] == [
        ("unet-trial-002", "an outbox without records")
    ]
    assert (outboxes / "unet-trial-000" / "00000001.sent").exists()


def test_nothing_of_a_running_study_is_touched(killed: Experiment):
    write(killed.storage / "checkpoints" / STUDY / "segnet-trial-000" / "latest.npz")
    write(killed.storage / "packs" / "abc.partial" / "manifest.json")
    with study_lock(killed):
        assert cleaned(killed, delete=True) == set()
    assert cleaned(killed, delete=True) == {
        f"checkpoints/{STUDY}/segnet-trial-000",
        "packs/abc.partial",
    }


def test_packs_are_kept_while_a_run_names_their_images(finished: Experiment):
    packs = finished.storage / "packs"
    faces = DrawnFaces(counts={"train": 2, "val": 1, "test": 1}, size=32, difficulty=0.3, seed=3)
    unused, _ = build_pack(faces, packs, LAPA, (32, 32))
    age(unused)
    write(packs / "building.partial" / "train" / "images.npy")
    write(packs / "dead.partial" / "train" / "images.npy")
    with FileLock(packs / "building.lock"):
        assert cleaned(finished, delete=False) == {f"packs/{unused.name}", "packs/dead.partial"}
    (finished.storage / "mlflow.db").rename(finished.storage / "moved.db")
    assert cleaned(finished, delete=False) == set()  # which packs are used is not known


def test_images_that_were_only_prepared_are_kept_for_a_day(finished: Experiment):
    packs = finished.storage / "packs"
    faces = DrawnFaces(counts={"train": 2, "val": 1, "test": 1}, size=32, difficulty=0.3, seed=3)
    prepared, _ = build_pack(faces, packs, LAPA, (32, 32))
    assert cleaned(finished, delete=True) == set()
    age(prepared)
    assert cleaned(finished, delete=True) == {f"packs/{prepared.name}"}


def test_no_process_can_build_a_pack_while_it_is_deleted(
    killed: Experiment, monkeypatch: pytest.MonkeyPatch
):
    dead = killed.storage / "packs" / "dead"
    write(dead.with_name("dead.partial") / "train" / "images.npy")
    write(dead / "train" / "images.npy")
    held: list[str] = []

    def delete(leftover: Leftover) -> None:
        with pytest.raises(Timeout), locked(dead, timeout=0):
            pass
        held.append(leftover.path.name)

    monkeypatch.setattr(cleaning, "_delete", delete)
    assert cleaned(killed, delete=True) == {"packs/dead", "packs/dead.partial"}
    assert held == ["dead", "dead.partial"]
    with locked(dead, timeout=0):
        pass


def test_a_storage_that_does_not_exist_is_an_error(tmp_path: Path):
    experiment = Experiment(name="any", storage=tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"there is no storage .*nowhere; give an experiment, or"):
        clean(experiment, Console(quiet=True), delete=True)
