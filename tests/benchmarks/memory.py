"""The memory of a worker over many trials, and the additional memory of a second one.

    python -m tests.benchmarks.memory [TRIALS]

First, TRIALS (50) trials run in this process, one after the other as in a worker: the quickstart's
three networks in turn, one epoch on a few drawn faces, evaluated, occluded and logged. It prints
the private memory of this process (USS) after every fifth, and the median slope (Theil-Sen) over
all trials after the first FIRST, when every network is compiled.

Then two processes map one pack of 512 images at 256 px and read all of it. It prints how much of
the files each has in memory (RSS), and its share of it (PSS: a page of two processes counts half).

Measured on 2 CPU cores: 1,142 MiB after 10 trials, 1,168 after 50, 0.32 MiB a trial. The pack's
128 MiB were in the memory of both processes, with a share of 64 for each.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from rich.console import Console
from scipy.stats import theilslopes

from faceseg.data.split import IMAGES, LABELS, Split
from faceseg.data.split_writer import SplitWriter
from pipelines.config import Experiment
from pipelines.config import load as load_experiment
from pipelines.data.prepare import prepare
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, JobKey
from pipelines.tracking import Sender, Tracker

if TYPE_CHECKING:
    from pipelines.execution.runner import JobRunner

QUICKSTART = Path("experiments/quickstart.yaml")
FEW = (
    "data.drawn.train=48",
    "data.drawn.val=8",
    "data.drawn.test=8",
    "training.epochs=1",
    "robustness.trial_images=2",
)
FIRST = 10
MIB = 1024**2
PACKED, SIDE = 512, 256


class NullReporter:
    """A reporter that discards everything."""

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Discard the progress."""

    def note_costs(self, key: JobKey, costs: Mapping[str, float]) -> None:
        """Do nothing."""

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Continue the job."""
        return True


def main(trials: int) -> None:
    """Run both parts and print."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="faceseg-") as folder:
        _pages(Path(folder) / "pack", console)
        _trials(Path(folder), trials, console)


def _trials(folder: Path, trials: int, console: Console) -> None:
    experiment = load_experiment(QUICKSTART, (*FEW, f"storage={folder}"))
    runner = _make_runner(experiment)
    names = list(experiment.architectures)
    own, started = [], time.perf_counter()
    with Sender(runner.context.outboxes, runner.context.tracker) as sender:
        for number in range(trials):
            key = JobKey(kind="trial", architecture=names[number % len(names)], number=number)
            settings = experiment.training.model_copy(
                update={"batch_size": (8, 16)[number // len(names) % 2]}
            )
            job = Job(key=key, study=experiment.study, seed=number, attempt=1, settings=settings)
            runner.run(job, NullReporter())
            runner.remove_checkpoints(job)
            sender.drain(60)
            own.append(psutil.Process().memory_full_info().uss / MIB)
            if (number + 1) % 5 == 0:
                console.print(f"after {number + 1:3} trials: {own[-1]:7.0f} MiB", highlight=False)
    later = np.array(own[FIRST:])
    slope = float(theilslopes(later)[0])
    console.print(
        f"{slope:+.2f} MiB a trial from trial {FIRST + 1} on, {later[-1] - later[0]:+.0f} MiB in "
        f"{len(later)} trials; {(time.perf_counter() - started) / trials:.1f} s a trial",
        highlight=False,
    )


def _make_runner(experiment: Experiment) -> "JobRunner":
    """Return a worker's runner, with one thread."""
    packs, manifest = prepare(experiment, Console(quiet=True))
    from faceseg.backends.device import configure_device

    configure_device(1)
    from pipelines.execution.runner import JobRunner

    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    context = StudyContext(
        experiment=experiment,
        packs=packs,
        manifest=manifest,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run="",
        commit="benchmark",
    )
    return JobRunner(context, 1)


def _pages(folder: Path, console: Console) -> None:
    """Let two processes read one pack; print how much of it each has in memory."""
    draws = np.random.default_rng(0)
    folder.mkdir()
    with SplitWriter(folder / "train", (SIDE, SIDE), originals=False) as writer:
        for number in range(PACKED):
            image = draws.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            writer.append(str(number), image, image[..., 0])
        writer.finish()
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--read", str(folder)]
    readers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for reader in readers:
            assert reader.stdout is not None
            reader.stdout.readline()
        size = sum((folder / "train" / name).stat().st_size for name in (IMAGES, LABELS)) / MIB
        console.print(f"one pack of {size:.0f} MiB in two processes:", highlight=False)
        for reader in readers:
            resident, share = _mapped(reader.pid, folder)
            console.print(
                f"  {resident:.0f} MiB of it in memory, a share of {share:.0f} MiB", highlight=False
            )
    finally:
        for reader in readers:
            reader.communicate("\n")


def _mapped(pid: int, folder: Path) -> tuple[float, float]:
    """Return a process's memory for the files in a folder, and its share of it, in MiB."""
    maps = psutil.Process(pid).memory_maps(grouped=False)
    own = [each for each in maps if each.path.startswith(str(folder))]
    return sum(each.rss for each in own) / MIB, sum(each.pss for each in own) / MIB


def _read(folder: Path) -> None:
    """Read every pixel of a pack, signal it, and wait."""
    split = Split(folder, "train")
    sum(int(np.asarray(part).sum(dtype=np.int64)) for part in (split.images, split.labels))
    sys.stdout.write("read\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.disable(logging.INFO)
    if "--read" in sys.argv:
        _read(Path(sys.argv[-1]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
