"""Log the machine's load while a job runs: MLflow's measurements, written to the outbox."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipelines.tracking.outbox import Outbox
from pipelines.tracking.periodic import periodically

INTERVAL = 10.0  # seconds between two samples


@contextmanager
def log_system_metrics(outbox: Outbox, interval: float = INTERVAL) -> Iterator[None]:
    """Log CPU, memory, disk, network and GPU of this machine while the context is open.

    MLflow's own thread calls the server, and stops permanently when the server does not respond.

    Args:
        outbox: The outbox of the run.
        interval: Seconds between two samples.
    """
    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(Exception):  # without a GPU, MLflow raises any of NVML's errors
        monitors.append(GPUMonitor())

    def sample() -> None:
        values: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            values |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        with suppress(OSError):  # the code that needs the disk reports that it is full
            outbox.metrics({f"system/{key}": values[key] for key in values}, step=None)

    with periodically(sample, interval, "system-metrics"):
        yield
