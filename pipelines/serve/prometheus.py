"""The Prometheus metrics of all replicas of a server.

Each replica counts its own requests. The replica that receives a scrape gathers the samples of
all replicas and adds a label with the replica's name to each.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
IMAGES = (1, 2, 4, 8)


class ReplicaMetrics:
    """The counters of one replica."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "faceseg_requests", "Responses by path and status.", ["path", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "faceseg_request_seconds", "From a photograph's arrival to its response.",
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.batch = Histogram(
            "faceseg_batch_images", "Images per call of the network.",
            buckets=IMAGES, registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "faceseg_requests_waiting", "Requests in the queue.", registry=self.registry
        )
        self.trouble = Gauge(
            "faceseg_model_trouble", "1 while the alias cannot be followed.",
            registry=self.registry,
        )  # fmt: skip
        self.changes = Counter(
            "faceseg_models_loaded", "Models that were put into use.", registry=self.registry
        )
        self.model = Gauge(
            "faceseg_model", "1 for the model in use.", ["address", "version"],
            registry=self.registry,
        )  # fmt: skip

    def set_model(self, address: str, version: str) -> None:
        """Record the model that was put into use."""
        self.model.clear()
        self.model.labels(address, version).set(1)
        self.changes.inc()

    def samples(self) -> list[Metric]:
        """Return all samples of this replica."""
        return list(self.registry.collect())


class _Gathered(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def prometheus_text(replicas: Mapping[str, Iterable[Metric]]) -> bytes:
    """Return the samples of all replicas, by the replica's name, in Prometheus's text format."""
    families: dict[str, Metric] = {}
    for replica, metrics in replicas.items():
        for metric in metrics:
            family = families.setdefault(
                metric.name, Metric(metric.name, metric.documentation, metric.type)
            )
            for sample in metric.samples:
                if sample.name.endswith("_created"):
                    continue  # the creation time: Prometheus's text format has no field for it
                labels = {**sample.labels, "replica": replica}
                family.add_sample(sample.name, labels, sample.value)
    registry = CollectorRegistry()
    registry.register(_Gathered(list(families.values())))
    return generate_latest(registry)
