"""Contenders that do the same work, each in a process of its own, timed in turns.

The speed of a shared machine changes by the minute. Contenders therefore take turns, in an order
that is reversed every round, while the others wait. The reported figures are medians over the
rounds, and the median of each round's ratio to the first contender. The table also has the speed by
CPU time, which other processes on the machine change much less.
"""

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from statistics import median
from typing import Any
from unittest.mock import patch

READY = 900.0  # seconds to import, build and compile
Work = Callable[[], int]


@dataclass(frozen=True)
class Workload:
    """A contender; `made_by` names a function ("module:function") that prepares the work.

    It is called with `options` in the contender's process and returns the work: a function that
    does a turn and returns its number of images. `cores` binds the process to the first cores of
    the machine; None does not bind it.
    """

    name: str
    made_by: str
    options: dict[str, Any] = field(default_factory=dict)
    cores: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class TimingResult:
    """Images a second, and images a CPU second, of each round.

    `absent` is the reason if the contender could not start.
    """

    contender: Workload
    speeds: list[float] = field(default_factory=list)
    cpu_speeds: list[float] = field(default_factory=list)
    absent: str = ""

    def ratio(self, first: "TimingResult") -> float:
        """Return the median of the ratios to another's speed in the same round."""
        return median(own / other for own, other in zip(self.speeds, first.speeds, strict=True))

    def cpu_ratio(self, first: "TimingResult") -> float:
        """Return the same for the speeds by CPU time."""
        pairs = zip(self.cpu_speeds, first.cpu_speeds, strict=True)
        return median(own / other for own, other in pairs)


def time_in_turns(contenders: Iterable[Workload], rounds: int = 7) -> list[TimingResult]:
    """Run all contenders in turns; the first turn of each is a warm-up and does not count.

    A contender that cannot start (missing library, failing compiler) is absent, with the reason.
    """
    scores = [TimingResult(each) for each in contenders]
    with _processes(scores) as (taking_part, lines):
        for number in range(rounds + 1):
            for score in taking_part if number % 2 else taking_part[::-1]:
                line = lines[score.contender.name]
                line.send("go")
                images, seconds, cpu_seconds = line.recv()
                if number:
                    score.speeds.append(images / seconds)
                    score.cpu_speeds.append(images / max(cpu_seconds, 1e-9))
    return scores


@contextmanager
def _processes(scores: list[TimingResult]) -> Any:
    """Start the contenders one after the other; yield those that started, and their connections."""
    spawn = multiprocessing.get_context("spawn")
    processes, lines = [], {}
    try:
        for score in scores:
            mine, theirs = spawn.Pipe()
            process = spawn.Process(
                target=_run_workload, args=(score.contender, theirs), daemon=True
            )
            with patch.dict(os.environ, score.contender.environment):
                process.start()
            processes.append(process)
            theirs.close()
            score.absent = _why_not_ready(mine)
            lines[score.contender.name] = mine
        yield [score for score in scores if not score.absent], lines
    finally:
        for process in processes:
            process.kill()
            process.join()


def _why_not_ready(line: Connection) -> str:
    """Return why a contender did not become ready; '' if it did."""
    if not line.poll(READY):
        return f"not ready after {READY:.0f} s"
    try:
        return str(line.recv())
    except EOFError:
        return "its process died"


def _run_workload(contender: Workload, line: Connection) -> None:
    """Run in the process of a contender."""
    if contender.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: contender.cores])
    module, function = contender.made_by.split(":")
    try:
        work: Work = getattr(import_module(module), function)(**contender.options)
        work()
    except Exception as error:
        traceback.print_exc()
        line.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return
    line.send("")
    while line.recv() == "go":
        began, cpu_began = time.perf_counter(), time.process_time()
        images = work()
        line.send((images, time.perf_counter() - began, time.process_time() - cpu_began))


def table(scores: list[TimingResult], *, milliseconds: bool = False) -> str:
    """Return a line for each contender: median, minimum and maximum of the rounds, and ratios.

    Args:
        milliseconds: Show the time of an image; ratios remain those of speeds.
    """
    width = max(len(score.contender.name) for score in scores)
    unit = "ms an image" if milliseconds else "images a second"
    times, cpu_times = "times the first", "by CPU time"
    lines = [f"{'':<{width}} {unit:>16} {'least':>8} {'most':>8} {times:>16} {cpu_times:>12}"]
    for score in scores:
        name = f"{score.contender.name:<{width}}"
        if score.absent:
            lines.append(f"{name} absent: {score.absent}")
            continue
        shown = [1000 / each for each in score.speeds] if milliseconds else score.speeds
        lines.append(
            f"{name} {median(shown):>16.5g} {min(shown):>8.4g} {max(shown):>8.4g}"
            f" {score.ratio(scores[0]):>16.2f} {score.cpu_ratio(scores[0]):>12.2f}"
        )
    return "\n".join(lines)
