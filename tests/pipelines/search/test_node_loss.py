"""Nodes join and leave a running study's cluster: its workers wait for room, then continue."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from pipelines.search import worker_pool
from pipelines.search.snapshot import StudySnapshot

from . import fake_runner
from .fake_runner import trials

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def our_ray() -> Iterator[Cluster]:
    """A head without CPUs, and no other node yet."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    ray.cloudpickle.register_pickle_by_value(fake_runner)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(fake_runner)
    cluster.shutdown()


class Operator:
    """Add a node after three seconds, remove it during a trial, and add another."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.node: Any = None
        self.removed = False
        self.since = time.monotonic()

    def __call__(self, snapshot: StudySnapshot) -> None:
        waited = time.monotonic() - self.since > 3
        if self.node is None and waited:
            self.node = self.cluster.add_node(num_cpus=1)
        elif not self.removed and any(each.epoch > 1 for each in snapshot.running):
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node, self.removed, self.since = None, True, time.monotonic()


def test_a_study_waits_for_nodes_and_survives_their_loss(
    our_ray: Cluster, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RAY_ADDRESS", our_ray.address)
    monkeypatch.setattr(worker_pool, "CAPACITY_WAIT", 1.0)
    operator = Operator(our_ray)
    finished = run("0:lingers", workers=2, watch=operator, trials=2)
    assert operator.removed
    found = trials(tmp_path)
    assert [trial.state.name for trial in found] == ["COMPLETE"] * 2
    assert sorted(found[0].intermediate_values) == list(range(1, 7))
    leases = [trial.user_attrs["lease"] for trial in found]
    assert [lease["attempt"] for lease in leases] == [2, 1]
    assert [lease["deaths"] for lease in leases] == [
        0,
        0,
    ]  # the death of a node is not the job's fault
    assert any(line.startswith("2 of 2 workers wait for room") for line in finished.messages)
    assert any("unet-trial-000 is retried" in line for line in finished.messages)
