"""What a server tells Prometheus, of all its replicas at once.

Each replica counts for itself. Whichever is asked gathers the others' samples, and names the
replica of each in a label.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
IMAGES = (1, 2, 4, 8)


class ReplicaMetrics:
    """What one replica counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "faceseg_requests", "Answers by path and status.", ["path", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "faceseg_request_seconds", "From a photograph's arrival to its answer.",
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.batch = Histogram(
            "faceseg_batch_images", "Images that went through the network at once.",
            buckets=IMAGES, registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "faceseg_requests_waiting", "Requests that are held.", registry=self.registry
        )
        self.trouble = Gauge(
            "faceseg_model_trouble", "1 while the alias cannot be followed.",
            registry=self.registry,
        )  # fmt: skip
        self.changes = Counter(
            "faceseg_models_loaded", "Models that came into use.", registry=self.registry
        )
        self.model = Gauge(
            "faceseg_model", "1 for the model in use.", ["address", "version"],
            registry=self.registry,
        )  # fmt: skip

    def set_model(self, address: str, version: str) -> None:
        """Note that another model came into use."""
        self.model.clear()
        self.model.labels(address, version).set(1)
        self.changes.inc()

    def samples(self) -> list[Metric]:
        """Return all that was counted."""
        return list(self.registry.collect())


class _Gathered(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def prometheus_text(replicas: Mapping[str, Iterable[Metric]]) -> bytes:
    """Return the samples of all replicas, by the replica's name, as Prometheus reads them."""
    families: dict[str, Metric] = {}
    for replica, metrics in replicas.items():
        for metric in metrics:
            family = families.setdefault(
                metric.name, Metric(metric.name, metric.documentation, metric.type)
            )
            for sample in metric.samples:
                if sample.name.endswith("_created"):
                    continue  # when counting began: Prometheus's text form has no place for it
                labels = {**sample.labels, "replica": replica}
                family.add_sample(sample.name, labels, sample.value)
    registry = CollectorRegistry()
    registry.register(_Gathered(list(families.values())))
    return generate_latest(registry)
