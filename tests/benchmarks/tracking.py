"""Many processes log at once: the cost for a trainer, the delay, and the completeness.

    python -m tests.benchmarks.tracking --writers 16 --epochs 20 --metrics 60

Every writer is a process like a worker of a study: it writes each epoch to its outbox, and a sender
in it delivers the outbox to MLflow. There are three stores: a server on PostgreSQL (with
authentication), a server on sqlite, and the sqlite file itself. Afterwards every curve is read
back: if a point is lost or duplicated, the exit code is 1.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from pipelines.tracking import Outbox, RunIdentity, Sender, Tracker

ARRIVAL_TIMEOUT = 600.0  # seconds until every record must have arrived
STORES = ("server on PostgreSQL", "server on sqlite", "sqlite file")


@dataclass(frozen=True)
class Load:
    """The load: every writer logs `metrics` values `epochs` times, `pause` seconds apart."""

    writers: int
    epochs: int
    metrics: int
    pause: float

    def values(self, writer: int, epoch: int) -> dict[str, float]:
        """Return the values of an epoch of a writer; all values of a run are different."""
        first = (writer * self.epochs + epoch) * self.metrics
        return {f"val/metric_{each:02}": float(first + each) for each in range(self.metrics)}


@dataclass(frozen=True)
class Store:
    """The MLflow store, and the folder of the outboxes that all writers share."""

    uri: str
    experiment_id: str
    folder: Path


@dataclass
class Measured:
    """Seconds of each record and each call, and the completeness at the end."""

    recorded: list[float] = field(default_factory=list)
    called: list[float] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    whole: float = 0.0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0

    def row(self, store: str) -> str:
        """Return a line of the table."""
        recorded, called = (1000 * np.asarray(each) for each in (self.recorded, self.called))
        return (
            f"{store:<22}{recorded.mean():>7.1f}{np.percentile(recorded, 95):>7.1f}"
            f"{called.mean():>9.0f}{np.percentile(called, 95):>7.0f}"
            f"{np.mean(self.arrived):>9.2f}{np.percentile(self.arrived, 95):>7.2f}"
            f"{self.whole:>8.1f}{self.lost:>6}{self.doubled:>11}"
        )


HEADING = f"""\
{"":<22}{"trainer, ms":>14}{"log_batch, ms":>16}{"arrived, s":>16}{"all, s":>8}
{"":<22}{"mean":>7}{"p95":>7}{"mean":>9}{"p95":>7}{"mean":>9}{"p95":>7}{"":>8}\
{"lost":>6}{"duplicated":>11}"""


class TimedTracker(Tracker):
    """A tracker that measures the time of each call, and the age of its points when stored."""

    calls: list[tuple[float, float]]

    def log_metrics(
        self, run_id: str, values: Mapping[str, float], step: int = 0, at: float | None = None
    ) -> None:
        """Log, and measure."""
        before = time.time()
        super().log_metrics(run_id, values, step, at)
        after = time.time()
        self.calls.append((after - before, after - (at or before)))


def measure(uri: str, load: Load, folder: Path) -> Measured:
    """Run all writers on a store at once; read back its contents."""
    tracker = Tracker(uri)
    store = Store(uri, tracker.experiment("benchmark", folder / "artifacts"), folder)
    spawn = multiprocessing.get_context("spawn")
    queue, gate = spawn.Queue(), spawn.Barrier(load.writers + 1)
    writers = [
        spawn.Process(target=_write, args=(store, load, number, gate, queue))
        for number in range(load.writers)
    ]
    for each in writers:
        each.start()
    try:
        gate.wait(ARRIVAL_TIMEOUT)
        began = time.monotonic()
        found = Measured()
        for _ in writers:
            recorded, calls = queue.get(timeout=ARRIVAL_TIMEOUT)
            found.recorded += recorded
            found.called += [called for called, _ in calls]
            found.arrived += [arrived for _, arrived in calls]
        found.whole = time.monotonic() - began
        for each in writers:
            each.join(ARRIVAL_TIMEOUT)
    finally:
        for each in writers:
            each.kill()
            each.join()
    _read_back(tracker, store.experiment_id, load, found)
    return found


def _write(store: Store, load: Load, number: int, gate: Any, queue: Any) -> None:
    """Run one writer until the records of all writers have arrived."""
    outboxes = store.folder / "outbox"
    run = RunIdentity(
        experiment_id=store.experiment_id,
        name=f"writer-{number}",
        identity={"writer": str(number)},
        description="A writer.",
    )
    outbox = Outbox(outboxes / f"{number:02}", run)
    tracker = TimedTracker(store.uri)
    object.__setattr__(tracker, "calls", [])
    recorded = []
    gate.wait()
    with Sender(outboxes, tracker) as sender:
        for epoch in range(load.epochs):
            before = time.perf_counter()
            outbox.metrics(load.values(number, epoch), epoch)
            recorded.append(time.perf_counter() - before)
            time.sleep(load.pause)
        sender.drain(ARRIVAL_TIMEOUT)
    queue.put((recorded, tracker.calls))


def _read_back(tracker: Tracker, experiment_id: str, load: Load, found: Measured) -> None:
    runs = tracker.client.search_runs([experiment_id], max_results=1000)
    by_writer: dict[int, list[str]] = {number: [] for number in range(load.writers)}
    for run in runs:
        by_writer[int(run.data.tags["faceseg.writer"])].append(run.info.run_id)
    for number, ids in by_writer.items():
        for key in load.values(number, 0):
            points = [
                (point.step, point.value)
                for run_id in ids
                for point in tracker.client.get_metric_history(run_id, key)
            ]
            wanted = {(epoch, load.values(number, epoch)[key]) for epoch in range(load.epochs)}
            steps = [step for step, _ in points]
            found.doubled += len(steps) - len(set(steps))
            found.lost += load.epochs - len(set(steps))
            found.wrong += len(set(points) - wanted)


@contextmanager
def opened(store: str, folder: Path) -> Iterator[str]:
    """Yield the address of a new store, with its servers running."""
    from tests.infra import mlflow_server, postgres

    file = f"sqlite:///{folder / 'mlflow.db'}"
    if store == "sqlite file":
        yield file
    elif store == "server on sqlite":
        with mlflow_server.running(folder, file, workers=2) as server:
            yield server.uri
    else:
        with postgres.running() as database:
            database.make("mlflow")
            with (
                mlflow_server.running(
                    folder,
                    "postgresql+psycopg:///mlflow",
                    database.environment,
                    mlflow_server.AUTHENTICATION,
                    workers=2,
                ) as server,
                patch.dict(os.environ, server.credentials),
            ):
                yield server.uri


def main(arguments: Iterable[str] | None = None) -> int:
    """Measure every store and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=60)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two epochs")
    parser.add_argument("--store", choices=STORES, action="append")
    given = parser.parse_args(None if arguments is None else list(arguments))
    load = Load(given.writers, given.epochs, given.metrics, given.pause)
    print(f"{load}, {os.cpu_count()} cores\n{HEADING}")
    broken = 0
    for store in given.store or STORES:
        with (
            tempfile.TemporaryDirectory(prefix="faceseg-benchmark-") as place,
            opened(store, Path(place)) as uri,
        ):
            found = measure(uri, load, Path(place))
        print(found.row(store), flush=True)
        broken += found.lost + found.doubled + found.wrong
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
