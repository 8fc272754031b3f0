"""The doctor on all nodes at once: an actor on each, asked the same questions."""

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

NODE_TIMEOUT = 120.0  # seconds for a node's answer: its first process may have to be started
MAX_CLOCK_SKEW = 2.0  # seconds between clocks that a study's points and leases bear
ROUNDS = 5  # of which the quickest tells the time best
SHORT_MLFLOW_TIMEOUTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


@dataclass(frozen=True)
class NodeActor:
    """A node: its name, its address, and the doctor's actor there."""

    name: str
    id: str
    actor: Any


def start_node_actors(gpus: float = 0) -> list[NodeActor]:
    """Start the doctor's actor on every node. gpus: ask for a share of a card, too."""
    places: list[NodeActor] = []
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
        if any(place.name == name for place in places):  # two on one machine
            name += f" {node['NodeID'][:6]}"
        places.append(NodeActor(name, node["NodeID"], actor))
    return places


def call_on_nodes(
    places: list[NodeActor], verb: str, *arguments: Any
) -> dict[str, Callable[[], Any]]:
    """Ask all nodes at once; each answer is fetched by a call, which may raise."""
    references = {place.name: getattr(place.actor, verb).remote(*arguments) for place in places}
    return {name: partial(ray.get, each, timeout=NODE_TIMEOUT) for name, each in references.items()}


def stop_node_actors(places: list[NodeActor]) -> None:
    """End the doctor's actors."""
    for place in places:
        ray.kill(place.actor)


def check_clocks(report: CheckReport, places: list[NodeActor]) -> None:
    """Compare every node's clock with the driver's."""
    report.check_nodes("clock", {place.name: partial(_clock, place) for place in places})


def _clock(place: NodeActor) -> str:
    rounds = []
    for _ in range(ROUNDS + 1):  # the first one waits for the actor to start
        asked = time.time()
        theirs = ray.get(place.actor.clock.remote(), timeout=NODE_TIMEOUT)
        answered = time.time()
        rounds.append((answered - asked, theirs - (asked + answered) / 2))
    took, skew = min(rounds)
    if abs(skew) > MAX_CLOCK_SKEW + took / 2:
        raise UserError(
            f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the driver's, expected at "
            f"most {MAX_CLOCK_SKEW:g} s: set the clocks by the network (chrony, systemd-timesyncd)"
        )
    return f"within {MAX_CLOCK_SKEW:g} s of the driver's"


def check_storage(report: CheckReport, places: list[NodeActor], experiment: Experiment) -> None:
    """Try that every node can write the storage, and whether it is one folder for all."""
    storage = experiment.storage.resolve()
    folder = storage / f".doctor-{uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        (folder / "driver").touch()
        written = {place.name: partial(_write, place, folder, storage) for place in places}
        if not report.check_nodes("storage", written) or len(places) == 1:
            return
        expected = ["driver", *(place.id for place in places)]
        seen = {name: set(call()) for name, call in call_on_nodes(places, "holds", folder).items()}
        apart = [name for name, names in seen.items() if not names >= set(expected)]
        report.check("shared storage", lambda: judge_shared_storage(apart, experiment))
    finally:
        for call in call_on_nodes(places, "remove", folder).values():
            call()


def _write(place: NodeActor, folder: Path, storage: Path) -> str:
    ray.get(place.actor.storage.remote(folder, place.id), timeout=NODE_TIMEOUT)
    return f"{storage} can be written"


def judge_shared_storage(apart: list[str], experiment: Experiment) -> str:
    """Judge a storage that some nodes have each for themselves."""
    if not apart:
        return "one folder for all nodes"
    if experiment.checkpoints:
        return "a folder of each node's own; checkpoints go to an address that all reach"
    raise UserError(
        f"{experiment.storage} is another folder on {', '.join(apart)}: what a lost node had "
        "trained would be lost with it. Mount one folder on all nodes, or give an address for "
        "checkpoints with --set checkpoints=s3://…"
    )


def check_versions(report: CheckReport, places: list[NodeActor]) -> bool:
    """Compare Python, packages and source on every node with the driver's."""
    return report.check_nodes(
        "versions", call_on_nodes(places, "versions", versions.installed_versions())
    )
