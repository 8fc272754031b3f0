"""A full storage stops the study with a clear message and no damage; a re-run resumes it."""

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
    with small_disk(short_folder / "disk") as mounted:
        yield mounted


def test_a_full_disk(
    disk: SmallDisk,
    undisturbed: StudyAudit,
    tmp_path: Path,
    event_log: EventLog,
    options: ChaosOptions,
):
    """Ray runs inside the namespace; MLflow and Optuna are files on the disk that is filled."""
    overrides = (f"storage={disk.folder / 'results'}", "resources.workers=1")
    environment = {"RAY_ADDRESS": ""}
    study = StudyProcess(
        folder=tmp_path,
        content=experiment_content("full-disk", small=options.small),
        event_log=event_log,
        overrides=overrides,
        environment=environment,
        prefix=disk.enter,
    )
    results = disk.host_path / "results"
    try:
        study.start()
        wait_until(
            "a checkpoint is written", lambda: any(results.glob("checkpoints/*/*/latest.npz")), 240
        )
        disk.fill()
        event_log.record("disk full")
        assert study.wait(180) == 2, study.output
        assert "Traceback" not in study.output
        assert "No space left" in study.output or "disk is full" in study.output
        assert damaged(disk.copy(tmp_path / "full") / "results") == []
        disk.make_room()
        study.start()
        assert study.wait(900) == 0, study.output
    finally:
        study.stop()
    copied = disk.copy(tmp_path / "after") / "results"
    audit = StudyAudit(
        experiment=study.experiment,
        database=copied / "mlflow.db",
        artifacts=copied / "artifacts",
        view=tmp_path / "after",
    )
    assert audit.faults() == []
    assert differences(audit.table, undisturbed.table) == []


def damaged(storage: Path) -> list[str]:
    """Return the damaged files: checkpoints, records that wait for MLflow, databases."""
    faults = [
        fault for path in storage.glob("checkpoints/**/*.npz") for fault in unreadable_arrays(path)
    ]
    for record in storage.glob("outbox/**/[0-9]*.json"):
        try:
            json.loads(record.read_text(encoding="utf-8"))
        except ValueError as error:
            faults.append(f"{record}: {error}")
    for folder in ("checkpoints", "outbox"):
        faults += [f"{path} remains" for path in storage.glob(f"{folder}/**/.*")]
    for name in ("optuna.db", "mlflow.db"):
        result = stored_study.query_sqlite(storage / name, "pragma integrity_check")
        faults += [] if result == [("ok",)] else [f"{name}: {result}"]
    return faults
