"""The audit finds faults that are put into a copy of a clean study."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from . import stored_study
from .audit import StudyAudit, differences

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
FAULTS = {
    "has steps twice": "insert into metrics select key, value, timestamp + 1, run_uuid, step, 0"
    " from metrics where key = 'val/dice' and step = 3 and run_uuid = :run",
    "has the steps": "delete from metrics where key = 'val/iou' and step = 2 and run_uuid = :run",
    "Optuna has": "update metrics set value = 0.9"
    " where key = 'val/iou' and step = 2 and run_uuid = :run",
    "is RUNNING": "update runs set status = 'RUNNING' where run_uuid = :run",
    "0 runs, not 1": "update runs set lifecycle_stage = 'deleted' where run_uuid = :run",
    "2 runs, not 1": "update tags set value = '0' where key = 'faceseg.trial' and run_uuid = :run",
    "versions are of the runs": "delete from model_versions where name = :model and version = 1",
    "the aliases are": "delete from registered_model_aliases"
    " where name = :model and alias = 'champion'",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_mlflow_is_found(fault: str, undisturbed: StudyAudit, tmp_path: Path):
    changed = replace(undisturbed, database=tmp_path / "mlflow.db")
    shutil.copy(undisturbed.database, changed.database)
    (run,) = [each.run_id for each in undisturbed.jobs() if each.name == "segnet-trial-001"]
    model = undisturbed.experiment.tracking.registered_model
    with sqlite3.connect(changed.database) as connection:
        connection.execute(FAULTS[fault], {"run": run, "model": model})
    connection.close()
    assert any(fault in each for each in changed.faults()), changed.faults()


def test_a_fault_of_optuna_is_found(undisturbed: StudyAudit, tmp_path: Path):
    storage = tmp_path / undisturbed.storage.relative_to("/")
    storage.mkdir(parents=True)
    shutil.copy(undisturbed.storage / "optuna.db", storage)
    with sqlite3.connect(storage / "optuna.db") as connection:
        connection.execute("update trials set state = 'RUNNING' where number = 1")
        connection.execute("update trials set number = 70 where number = 0")
    connection.close()
    faults = "; ".join(replace(undisturbed, view=tmp_path).trials())
    assert "search/1 is RUNNING" in faults
    numbers = [*range(1, undisturbed.experiment.search.trials), 70]
    assert f"the trials {numbers}, not " in faults


def test_a_missing_and_a_damaged_file_are_found(undisturbed: StudyAudit, tmp_path: Path):
    artifacts = tmp_path / "artifacts"
    shutil.copytree(undisturbed.artifacts, artifacts)
    one, other, *_ = undisturbed.jobs()
    one.file("history.csv", artifacts).unlink()
    damaged = other.file("confusion.npz", artifacts)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    faults = "; ".join(replace(undisturbed, artifacts=artifacts).files())
    assert "has no history.csv" in faults
    assert f"{damaged} cannot be read" in faults


def test_a_changed_score_is_a_difference(undisturbed: StudyAudit, tmp_path: Path):
    text = undisturbed.table.read_text(encoding="utf-8")
    lines = text.splitlines()
    names, cells = lines[0].split(","), lines[1].split(",")
    cells[names.index("iou")] = "0.99"
    cells[names.index("latency_p50_ms")] = "99"
    changed = tmp_path / "comparison.csv"
    changed.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]), encoding="utf-8")
    (found,) = differences(changed, undisturbed.table)
    assert found.startswith("segnet.iou: ")


WRITER = """
import sqlite3, sys, time
writer = sqlite3.connect(sys.argv[1])
writer.execute("pragma cache_size=5")  # so that pages reach the file before the commit
writer.execute("begin immediate")
writer.execute("update rows set content = 'changed' || content")
print("writing", flush=True)
time.sleep(60)
"""


def test_a_query_waits_until_the_journal_of_a_killed_writer_is_rolled_back(tmp_path: Path):
    database = tmp_path / "database.db"
    with closing(sqlite3.connect(database)) as maker:
        maker.execute("create table rows (number integer, content text)")
        maker.executemany("insert into rows values (?, ?)", [(n, "x" * 500) for n in range(5000)])
        maker.commit()
    command = [sys.executable, "-c", WRITER, database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "writing\n"
        killed.kill()
    assert database.with_name("database.db-journal").exists()

    def roll_back() -> None:
        with closing(sqlite3.connect(database)) as writer:
            writer.execute("select count(*) from rows").fetchall()

    later = threading.Timer(0.5, roll_back)
    later.start()
    assert stored_study.query_sqlite(database, "select count(*), min(content) from rows") == [
        (5000, "x" * 500)
    ]
    later.join()
