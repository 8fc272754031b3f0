"""Checks on all nodes at once, by an actor on each node, and checks that compare the nodes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.config import Experiment
from pipelines.doctor.check_report import CheckReport
from pipelines.doctor.node_checks import NodeChecks
from pipelines.search.worker import worker_environment

NODE_TIMEOUT = 120.0  # seconds for a call on a node, which may have to start its first process
MAX_CLOCK_SKEW = 2.0  # seconds between clocks that a study's timestamps and leases tolerate
CLOCK_ROUNDS = 5  # the fastest one gives the most accurate skew
SHORT_MLFLOW_TIMEOUTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True)
class NodeActor:
    """A node: its name, its id in Ray, and the actor that runs the checks there."""

    name: str
    id: str
    actor: Any


def start_node_actors(gpus: float = 0) -> list[NodeActor]:
    """Start an actor on every node that is alive.

    Args:
        gpus: The share of a GPU that each actor claims; if positive, nodes without GPUs are
            skipped.
    """
    actors: list[NodeActor] = []
    for node in sorted(ray.nodes(), key=lambda node: str(node["NodeManagerHostname"])):
        if not node["Alive"] or (gpus and not node["Resources"].get("GPU")):
            continue
        actor = (
            ray.remote(NodeChecks)
            .options(
                num_cpus=0,
                num_gpus=gpus,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
                runtime_env={"env_vars": worker_environment(gpus) | SHORT_MLFLOW_TIMEOUTS},
            )
            .remote()
        )
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        if any(each.name == name for each in actors):  # two nodes on one machine
            name += f" {node['NodeID'][:6]}"
        actors.append(NodeActor(name, node["NodeID"], actor))
    return actors


def call_on_nodes(
    nodes: list[NodeActor], method: str, *arguments: Any
) -> dict[str, Callable[[], Any]]:
    """Start a method of `NodeChecks` on all nodes at once.

    Returns:
        A function for each node, by name, that waits for the result; it may raise.
    """
    references = {node.name: getattr(node.actor, method).remote(*arguments) for node in nodes}
    return {name: partial(ray.get, each, timeout=NODE_TIMEOUT) for name, each in references.items()}


def stop_node_actors(nodes: list[NodeActor]) -> None:
    """Stop the actors."""
    for node in nodes:
        ray.kill(node.actor)


def check_clocks(report: CheckReport, nodes: list[NodeActor]) -> None:
    """Compare every node's clock with the driver's."""
    report.check_nodes("clock", {node.name: partial(_clock, node) for node in nodes})


def _clock(node: NodeActor) -> str:
    rounds = []
    for _ in range(CLOCK_ROUNDS + 1):  # the first one waits for the actor to start
        sent = time.time()
        node_time = ray.get(node.actor.clock.remote(), timeout=NODE_TIMEOUT)
        received = time.time()
        rounds.append((received - sent, node_time - (sent + received) / 2))
    duration, skew = min(rounds)
    if abs(skew) > MAX_CLOCK_SKEW + duration / 2:
        raise UserError(
            f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the driver's, expected at "
            f"most {MAX_CLOCK_SKEW:g} s: synchronise the clocks (chrony, systemd-timesyncd)"
        )
    return f"within {MAX_CLOCK_SKEW:g} s of the driver's"


def check_storage(report: CheckReport, nodes: list[NodeActor], experiment: Experiment) -> None:
    """Check that every node can write the storage, and whether all nodes share one folder."""
    storage = experiment.storage.resolve()
    folder = storage / f".doctor-{uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        (folder / "driver").touch()
        written = {node.name: partial(_write, node, folder, storage) for node in nodes}
        if not report.check_nodes("storage", written) or len(nodes) == 1:
            return
        expected = {"driver", *(node.id for node in nodes)}
        calls = call_on_nodes(nodes, "list_files", folder)
        found = {name: set(call()) for name, call in calls.items()}
        separate = [name for name, names in found.items() if not names >= expected]
        report.check("shared storage", lambda: judge_shared_storage(separate, experiment))
    finally:
        for call in call_on_nodes(nodes, "remove", folder).values():
            call()


def _write(node: NodeActor, folder: Path, storage: Path) -> str:
    ray.get(node.actor.storage.remote(folder, node.id), timeout=NODE_TIMEOUT)
    return f"{storage} is writable"


def judge_shared_storage(separate: list[str], experiment: Experiment) -> str:
    """Return the finding on the storage.

    Args:
        separate: The nodes on which the storage is a separate folder.
        experiment: The experiment; it may store checkpoints at an address of their own.

    Raises:
        UserError: The storage is not shared, and checkpoints are stored in it.
    """
    if not separate:
        return "one folder for all nodes"
    if experiment.checkpoints:
        return "a separate folder on each node; checkpoints go to an address that all nodes share"
    raise UserError(
        f"{experiment.storage} is a separate folder on {', '.join(separate)}, so the checkpoints "
        "of a lost node would be lost with it. Mount one folder on all nodes, or store the "
        "checkpoints elsewhere with --set checkpoints=s3://…"
    )


def check_versions(report: CheckReport, nodes: list[NodeActor]) -> bool:
    """Compare Python, packages and source on every node with the driver's; return if all agree."""
    return report.check_nodes(
        "versions", call_on_nodes(nodes, "versions", versions.installed_versions())
    )
