"""The parts of the check. Each returns rows, and raises an error with the reason if it cannot run.

Speed is measured first, one measurement after another. Correctness follows, with all checks in
parallel, because nothing is timed.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
DETERMINISTIC = (
    "--xla_gpu_deterministic_ops=true"  # a fixed order of summation, so that runs can be equal
)
NETWORKS = ("unet", "pspnet", "segnet")
Child = tuple[str, str, str, str, float, Sequence[int]]  # what `gpu.step` is given
SHORT, TIMED_BATCH = "mixed_bfloat16", 32  # what is timed
SMALL = {"alpha": 0.35, "width": 0.25}
COLUMNS = ("train/loss", "val/loss", "val/iou")


@dataclass(frozen=True)
class Machine:
    """The machine of the check: a folder for its files, whether it has a GPU, and the backends."""

    folder: Path
    gpu: bool
    deadline: float
    backends: tuple[str, ...]  # the first one is used by the parts that do not compare backends

    @property
    def left(self) -> float:
        """The remaining seconds; TimeoutError if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time is left")
        return left

    def start(self, module: str, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
        """Start a module in a process of its own."""
        variables = {
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "TORCHINDUCTOR_COMPILE_THREADS": "4",  # of each process; several compile at once
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={**os.environ, **variables}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr.txt").open("a"),
        )  # fmt: skip

    def finish(self, process: "subprocess.Popen[str]") -> str:
        """Wait for a process; return its output. RuntimeError if it failed."""
        try:
            output, _ = process.communicate(timeout=self.left)
        except (subprocess.TimeoutExpired, TimeoutError):
            process.kill()
            raise TimeoutError(f"{process.args[2]} was not done in time") from None
        if process.returncode:
            output = (self.folder / "stderr.txt").read_text()[-1500:] + output[-500:]
            raise RuntimeError(f"{' '.join(process.args[2:5])} failed: {output}")
        return output


def equality(machine: Machine) -> list[Row]:
    """Compare logits, loss and gradient of the backends in pairs."""
    if len(machine.backends) < 2:
        raise RuntimeError(f"two backends are needed; only {machine.backends[0]} is installed")
    from tests.benchmarks.backends.__main__ import equality as compare

    place = machine.folder / "equality"
    place.mkdir()
    return list(compare(place, machine.backends, float(machine.gpu), machine.left / 2))


def faces(machine: Machine, size: int, train: int) -> Path:
    """Return a pack of drawn faces."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    drawn = DrawnFaces(counts={"train": train, "val": 16, "test": 1}, size=size, difficulty=0.7)
    return build_pack(drawn, machine.folder / "packs", LAPA, (size, size), "stop")[0]


def trial(machine: Machine, name: str, **wanted: Any) -> Any:
    """Start one training (`tests.benchmarks.gpu.trial`) on the first backend."""
    flags = {"XLA_FLAGS": DETERMINISTIC} if machine.gpu and wanted.pop("exact", True) else {}
    wanted.pop("exact", None)
    if not machine.gpu:
        small = {"width": 0.25} if wanted.get("network") == "segnet" else SMALL
        wanted |= {"share": 0, "options": small, "epochs": 2}
    text = json.dumps(wanted)
    module, backend = "tests.benchmarks.gpu.trial", machine.backends[0]
    return machine.start(module, machine.folder, name, text, KERAS_BACKEND=backend, **flags)


def read(machine: Machine, name: str) -> Any:
    """Return the result of a training."""
    return json.loads((machine.folder / f"{name}.json").read_text("utf-8"))


def furthest(one: Any, other: Any) -> float:
    """Return the largest difference of two trainings' curves."""
    mine, theirs = (
        np.array([[each[key] for key in COLUMNS] for each in found["trainings"][0]["history"]])
        for found in (one, other)
    )
    return float(np.abs(mine - theirs).max())


def training(machine: Machine, pack: Path, size: int) -> Iterator[Row]:
    """Train each network for two epochs, all three in parallel."""
    wanted = {
        "pack": str(pack), "size": size, "share": 0.25, "epochs": 2, "batch_size": 16,
        "precision": "mixed", "seeds": [1], "exact": False,
    }  # fmt: skip
    started = {name: trial(machine, name, network=name, **wanted) for name in NETWORKS}
    for name, process in started.items():
        machine.finish(process)
        found = read(machine, name)
        if "out_of_memory" in found:
            raise RuntimeError(f"{name}: {found['out_of_memory']}")
        first, last = found["trainings"][0]["history"]
        yield {
            "network": name,
            "first epoch s": round(first["epoch_seconds"], 1),
            "second epoch s": round(last["epoch_seconds"], 1),
            "images/s in the second": round(last["images_per_second"], 1),
            "loss": f"{first['train/loss']:.3f}, {last['train/loss']:.3f}",
            "val IoU": round(last["val/iou"], 3),
        }


def co_located_trials(machine: Machine, pack: Path, size: int) -> list[Row]:
    """Train alone, beside another trial, and beside one that runs out of memory."""
    common = {"pack": str(pack), "size": size, "share": 0.45, "epochs": 3, "batch_size": 16}
    alone = trial(machine, "alone", seeds=[1], **common)
    machine.finish(alone)
    for process in [trial(machine, f"pair-{seed}", seeds=[seed], **common) for seed in (1, 2)]:
        machine.finish(process)
    greedy = {**common, "share": 0.03, "batch_size": 256}
    beside = [
        trial(machine, "beside", seeds=[1], **common),
        trial(machine, "greedy", seeds=[3], **greedy),
    ]
    for process in beside:
        machine.finish(process)
    first, pair, survivor = (read(machine, each) for each in ("alone", "pair-1", "beside"))
    iou = f"{first['trainings'][0]['iou']:.4f}"
    return [
        {"trial of seed 1": "alone", "val IoU": iou, "largest difference of its curves": 0.0},
        {
            "trial of seed 1": "beside another trial on the GPU",
            "val IoU": f"{pair['trainings'][0]['iou']:.4f}",
            "largest difference of its curves": furthest(first, pair),
        },
        {
            "trial of seed 1": "beside one that is out of memory: "
            + read(machine, "greedy").get("out_of_memory", "it was not, the check is invalid")[:60],
            "val IoU": f"{survivor['trainings'][0]['iou']:.4f}",
            "largest difference of its curves": furthest(first, survivor),
        },
    ]


def precision(machine: Machine, pack: Path, size: int) -> list[Row]:
    """Train three seeds in float32 and in the GPU's 16-bit type."""
    common = {"pack": str(pack), "size": size, "share": 0.2, "epochs": 6, "batch_size": 16}
    kinds = ("float32", "mixed")
    started = [trial(machine, each, seeds=[1, 2, 3], precision=each, **common) for each in kinds]
    for process in started:
        machine.finish(process)
    rows: list[Row] = []
    values = {
        each: np.array([found["iou"] for found in read(machine, each)["trainings"]])
        for each in kinds
    }
    for each, scores in values.items():
        half = 4.303 * scores.std(ddof=1) / np.sqrt(3)  # Student's t, 2 degrees of freedom
        rows.append({"precision": each, "val IoU": f"{scores.mean():.3f} ± {half:.3f}", "seeds": 3})
    return rows


def run_concurrently(machine: Machine, children: Sequence[Child]) -> Iterator[Row]:
    """Start step processes, wait until all are ready, then measure them one after the other."""
    size, seconds = (256, 3.0) if machine.gpu else (64, 0.3)
    processes = []
    left = machine.left  # without the time, none is started
    for kind, backend, network, kind_of_number, share, batches in children:
        processes.append(
            machine.start(
                "tests.benchmarks.gpu.step", kind, network, kind_of_number, size, seconds,
                share if machine.gpu else 0, *batches, KERAS_BACKEND=backend,
            )
        )  # fmt: skip
    late = threading.Timer(left, lambda: [each.kill() for each in processes])
    late.start()
    with ThreadPoolExecutor(len(processes)) as pool:  # a pipe that is not read would fill
        first = list(
            pool.map(lambda each: each.stdout.readline() if each.stdout else "", processes)
        )
    late.cancel()
    for child, process, line in zip(children, processes, first, strict=True):
        row = {"what": f"{child[0]} {child[1]}" if child[0] == "keras" else f"torch, {child[0]}"}
        row |= {"network": child[2], "numbers": child[3]}
        try:
            if line.strip() != "ready":
                raise RuntimeError("it ended before it was ready")
            output, _ = process.communicate("go\n", timeout=machine.left)
            for found in json.loads(output.splitlines()[-1]):
                yield {**row, **found}
        except Exception as error:
            process.kill()
            yield {**row, "why": f"{type(error).__name__}: {error}"[:200]}


def throughput(machine: Machine, batch: int) -> Iterator[Row]:
    """Time the training step of every network: faceseg on each backend, and plain torch.

    The backends run one after the other, because torch keeps the memory that it has used. There is
    one batch size: XLA took 71 s (JAX) and 95 s (TensorFlow) on an H200 to compile a step.
    """
    names = NETWORKS if machine.gpu else NETWORKS[:1]

    def each(kind: str, backend: str, share: float = 1) -> list[Child]:
        return [(kind, backend, name, SHORT, share, (batch,)) for name in names]

    for backend in machine.backends:
        if backend != "torch":
            yield from run_concurrently(machine, each("keras", backend, 0.28))
    kinds = ("eager", "compiled", *(["keras"] if "torch" in machine.backends else []))
    if find_spec("torch"):  # the peer, with every choice of backends
        yield from run_concurrently(
            machine, [child for kind in kinds for child in each(kind, "torch")]
        )


def sharing(machine: Machine, pack: Path, size: int) -> Iterator[Row]:
    """Train with 1, 2 and 4 trials on the GPU: images a second of all together."""
    for count in (1, 2, 4):
        common = {
            "pack": str(pack), "size": size, "share": 0.9 / count, "epochs": 20,
            "batch_size": TIMED_BATCH, "precision": SHORT, "options": {},  # compiled already
            "threads": max(1, (os.cpu_count() or 4) // 4), "exact": False,
            "together": [f"sharing-{count}-{number}" for number in range(count)],
        }  # fmt: skip
        names = common["together"]
        started = [trial(machine, each, seeds=[5], **common) for each in names]
        for process in started:
            machine.finish(process)
        histories = [read(machine, each)["trainings"][0]["history"] for each in names]
        begun = max(each[0]["time"] for each in histories)  # they waited for each other there
        ended = min(each[-1]["time"] for each in histories)
        images = sum(
            each["images_per_second"] * each["epoch_seconds"]
            for history in histories
            for each in history
            if begun < each["time"] <= ended
        )
        speed = images / (ended - begun) if ended > begun else float("nan")
        yield {"trials on the GPU": count, "images/s together": round(speed, 1)}
