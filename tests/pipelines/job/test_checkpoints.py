"""A job's checkpoints on a disk that is lost, and their copy at an address that is not."""

from pathlib import Path

import fsspec
import pytest

from faceseg.errors import UserError
from pipelines.job.checkpoints import BEST, LATEST, JobCheckpoints

ADDRESS = "memory://bucket/study/unet-trial-000"


@pytest.fixture(autouse=True)
def empty_memory():
    fsspec.filesystem("memory").store.clear()


def test_another_node_resumes_from_the_copy(tmp_path: Path):
    here, there = (JobCheckpoints(tmp_path / node, ADDRESS) for node in ("here", "there"))
    here.download()  # nothing yet
    assert not here.folder.exists()
    here.folder.mkdir()
    for epoch in (b"1", b"2"):
        (here.folder / BEST).write_bytes(b"best" + epoch)
        (here.folder / LATEST).write_bytes(epoch)
        here.upload(LATEST, BEST)
    there.folder.mkdir()
    (there.folder / LATEST).write_bytes(b"0")  # from an earlier attempt on this node
    there.download()
    assert (there.folder / LATEST).read_bytes() == b"2"
    assert (there.folder / BEST).read_bytes() == b"best2"
    assert there.read_outcome() is None
    there.write_outcome({"value": 0.5, "pruned": False, "reason": ""})
    here.download()
    assert here.read_outcome() == {"value": 0.5, "pruned": False, "reason": ""}
    here.remove()
    assert not here.folder.exists()
    assert fsspec.filesystem("memory").find("/bucket") == []


def test_unchanged_files_are_not_copied_again(tmp_path: Path, monkeypatch):
    """The best epoch is rarely the last, and a resumed job copies what it has downloaded."""
    sent = []
    monkeypatch.setattr("shutil.copyfileobj", lambda source, target: sent.append(source.name))
    here, there = (JobCheckpoints(tmp_path / node, f"file://{tmp_path}/copy") for node in "ab")
    here.folder.mkdir()
    (here.folder / BEST).write_bytes(b"best")
    for epoch in (b"1", b"2"):
        (here.folder / LATEST).write_bytes(epoch)
        here.upload(LATEST, BEST)
    there.download()
    there.upload(LATEST, BEST)
    assert [Path(name).name for name in sent] == [LATEST, BEST, LATEST]


def test_an_interrupted_copy_keeps_the_old_one(tmp_path: Path, monkeypatch):
    kept = JobCheckpoints(tmp_path / "here", f"file://{tmp_path}/copy")
    kept.folder.mkdir()
    (kept.folder / LATEST).write_bytes(b"whole")
    kept.upload(LATEST)

    def break_off(source, target):
        target.write(b"ha")
        raise OSError(28, "No space left on device")

    (kept.folder / LATEST).write_bytes(b"newer")
    monkeypatch.setattr("shutil.copyfileobj", break_off)
    with pytest.raises(
        UserError, match=r"address file:.*No space left.*re-run the same command to resume"
    ):
        kept.upload(LATEST)
    assert (tmp_path / "copy" / LATEST).read_bytes() == b"whole"


def test_the_error_about_an_unknown_kind_of_address_has_no_password(tmp_path: Path):
    with pytest.raises(UserError, match=r"nosuch://me:\*\*\*@host/x cannot be used"):
        JobCheckpoints(tmp_path, "nosuch://me:secret@host/x").download()


def test_without_an_address_there_is_only_the_folder(tmp_path: Path):
    only = JobCheckpoints(tmp_path / "job")
    only.folder.mkdir()
    only.download()
    only.upload(LATEST)
    only.remove()
    assert not only.folder.exists()
