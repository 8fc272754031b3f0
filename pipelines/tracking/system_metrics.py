"""What the machine does while a job runs: MLflow's own measurements, through the outbox."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipelines.tracking.outbox import Outbox

INTERVAL = 10.0  # seconds between two samples


@contextmanager
def log_system_metrics(outbox: Outbox, interval: float = INTERVAL) -> Iterator[None]:
    """Say CPU, memory, disk, network and GPU of this machine while something runs.

    MLflow's own thread talks to the server and gives up for good when that is away.
    """
    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(Exception):  # MLflow raises whatever NVML does where there is no card
        monitors.append(GPUMonitor())
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(interval):
            values: dict[str, float] = {}
            for monitor in monitors:
                monitor.collect_metrics()
                values |= monitor.aggregate_metrics()
                monitor.clear_metrics()
            with suppress(OSError):  # a full disk is told by what cannot do without it
                outbox.metrics({f"system/{key}": values[key] for key in values}, step=None)

    thread = threading.Thread(target=watch, name="machine", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
