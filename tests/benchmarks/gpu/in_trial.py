"""Images a second in a trial, beside the same steps in a loop and beside plain torch, compiled.

A trial also augments its images, and writes checkpoints meanwhile; the time of its validations is
not counted. The trials compile at the same time and then train one after the other, each alone on
the GPU.
"""

from collections.abc import Iterator
from statistics import median

from tests.benchmarks.gpu.checks import (
    NETWORKS,
    SHORT,
    Machine,
    Row,
    faces,
    read,
    run_concurrently,
    trial,
)

TRAIN_IMAGES, EPOCHS = 800, 6


def in_trial(machine: Machine, batch: int) -> Iterator[Row]:
    """Compare, for each network and one batch size; `batch` images a step."""
    names = NETWORKS if machine.gpu else NETWORKS[:1]
    backend = machine.backends[0]
    children = [("keras", backend, name, SHORT, 0.28, (batch,)) for name in names]
    ours = {row["network"]: row for row in run_concurrently(machine, children)}
    children = [("compiled", "torch", name, SHORT, 1.0, (batch,)) for name in names]
    peers = {row["network"]: row for row in run_concurrently(machine, children)}
    speeds = _trial_speeds(machine, names, batch)
    for name in names:
        loop, peer = ours[name].get("images/s"), peers[name].get("images/s")
        yield {
            "network": name,
            "batch": batch,
            "loop, images/s": loop,
            "trial, images/s": speeds[name],
            "torch compiled, images/s": peer,
            "loop / torch": loop / peer if loop and peer else None,
            "trial / torch": speeds[name] / peer if peer else None,
            "busy in the loop": ours[name].get("busy"),
            "watts in the loop": ours[name].get("watts"),
            "memory GiB": ours[name].get("memory GiB"),
            "why": ours[name].get("why") or peers[name].get("why"),
        }


def _trial_speeds(machine: Machine, names: tuple[str, ...], batch: int) -> dict[str, float]:
    """Return the median images a second of each network's epochs after the first."""
    size, train = (256, TRAIN_IMAGES) if machine.gpu else (32, 24)
    common = {
        "pack": str(faces(machine, size, train)), "size": size, "share": 0.28, "epochs": EPOCHS,
        "batch_size": batch, "precision": SHORT, "options": {}, "seeds": [1], "threads": 8,
        "exact": False,
    }  # fmt: skip
    started = [
        trial(
            machine, f"in-{name}", network=name, **common, after=[f"in-{each}" for each in before]
        )
        for name, before in ((name, names[:number]) for number, name in enumerate(names))
    ]
    for process in started:
        machine.finish(process)
    found = {}
    for name in names:
        history = read(machine, f"in-{name}")["trainings"][0]["history"][1:]
        found[name] = round(median(each["images_per_second"] for each in history), 1)
    return found
