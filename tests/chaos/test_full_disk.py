"""A storage that fills: a clear word, nothing half-written, and on it goes when there is room."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.processes import wait_until

from . import stored_study
from .audit import StudyAudit, differences, unreadable_arrays
from .chaos_cluster import ChaosOptions
from .event_log import EventLog
from .small_disk import SmallDisk, small_disk
from .study_process import StudyProcess, experiment_content

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def disk(short_folder: Path) -> Iterator[SmallDisk]:
    with small_disk(short_folder / "disk") as made:
        yield made


def test_a_full_disk(
    disk: SmallDisk, undisturbed: StudyAudit, tmp_path: Path, diary: EventLog, wishes: ChaosOptions
):
    """Ray runs within the namespace, and MLflow and Optuna are files on the disk that fills."""
    overrides = (f"storage={disk.folder / 'results'}", "resources.workers=1")
    outside = {"RAY_ADDRESS": ""}
    study = StudyProcess(
        tmp_path,
        experiment_content("full-disk", wishes.small),
        diary,
        overrides,
        outside,
        disk.enter,
    )
    seen = disk.host_path / "results"
    try:
        study.start()
        wait_until("an epoch is kept", lambda: any(seen.glob("checkpoints/*/*/latest.npz")), 240)
        disk.fill()
        diary.record("disk full")
        assert study.wait(180) == 2, study.output
        assert "Traceback" not in study.output
        assert "No space left" in study.output or "disk is full" in study.output
        assert halves(disk.copy(tmp_path / "full") / "results") == []
        disk.make_room()
        study.start()
        assert study.wait(900) == 0, study.output
    finally:
        study.stop()
    copied = disk.copy(tmp_path / "after") / "results"
    audit = StudyAudit(
        study.experiment, copied / "mlflow.db", copied / "artifacts", tmp_path / "after"
    )
    assert audit.faults() == []
    assert differences(audit.table, undisturbed.table) == []


def halves(left: Path) -> list[str]:
    """Return what is not whole: checkpoints, records on their way to MLflow, databases."""
    faults = [
        fault for path in left.glob("checkpoints/**/*.npz") for fault in unreadable_arrays(path)
    ]
    for record in left.glob("outbox/**/[0-9]*.json"):
        try:
            json.loads(record.read_text(encoding="utf-8"))
        except ValueError as error:
            faults.append(f"{record}: {error}")
    for folder in ("checkpoints", "outbox"):
        faults += [f"{path} was left" for path in left.glob(f"{folder}/**/.*")]
    for name in ("optuna.db", "mlflow.db"):
        said = stored_study.query_sqlite(left / name, "pragma integrity_check")
        faults += [] if said == [("ok",)] else [f"{name}: {said}"]
    return faults
