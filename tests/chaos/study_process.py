"""A study as a process: its experiment, and the command that is re-run until it is finished."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from pipelines.config import Experiment, load
from tests.infra.processes import is_running, kill_process_tree, process_tree, wait_until

from . import stored_study
from .event_log import EventLog

NETWORK = {"width": 0.1, "batch_norm_momentum": 0.5}
ENCODER_NETWORK = {**NETWORK, "alpha": 0.35, "encoder_weights": "none"}
# Random search without pruning: the trials are the same in whatever order they are run.
ANY_ORDER = {"sampler": "random", "pruner": "none", "trials": 3}
# TPE, which learns from the trials that have ended, and a pruner that compares those that have
# reported.
DEFAULT_SEARCH = {"random_trials": 2, "grace_epochs": 3, "trials": 8}
CONTENT: dict[str, Any] = {
    "seed": 3,
    "data": {
        "image_size": [32, 32],
        "drawn": {"val": 6, "test": 6, "size": 48, "difficulty": 0.3},
    },
    "search": {
        "space": {
            "learning_rate": {"low": 3.0e-3, "high": 3.0e-2, "log": True},
            "batch_size": {"choices": [4, 8]},
        },
    },
    "robustness": {"kinds": ["gray_square"], "trial_images": 2, "final_images": 3},
    "gate": {"above_baseline": -1},  # a champion, although its scores mean nothing
    "resources": {"cpus": 1},
}


def experiment_content(name: str, *, small: bool, default_search: bool = False) -> dict[str, Any]:
    """Return an experiment, which MLflow stores by its name.

    Args:
        name: Its name; it does not affect the trials.
        small: One architecture, which compiles in 10 s, instead of three.
        default_search: Whether trials are proposed and pruned as by default.
    """
    networks = {"segnet": NETWORK}
    if not small:
        networks |= {"unet": ENCODER_NETWORK, "pspnet": ENCODER_NETWORK}
    drawn = {**CONTENT["data"]["drawn"], "train": 64 if small else 160}
    return {
        **CONTENT,
        "name": name,
        "data": {**CONTENT["data"], "drawn": drawn},
        "tracking": {"registered_model": name},
        "architectures": networks,
        "training": {"epochs": 16 if small else 24},
        "search": CONTENT["search"] | (DEFAULT_SEARCH if default_search else ANY_ORDER),
        "finals": {"seeds": 1, "epochs": 10} if small else {"seeds": 2},
    }


@dataclass(kw_only=True)
class StudyProcess:
    """`faceseg study` in its own folder, as one process after the other.

    Attributes:
        prefix: Words before the command, which run it elsewhere.
    """

    folder: Path
    content: dict[str, Any]
    event_log: EventLog
    overrides: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None
    _logs: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(yaml.safe_dump(self.content), encoding="utf-8")

    @property
    def file(self) -> Path:
        return self.folder / "chaos.yaml"

    @property
    def experiment(self) -> Experiment:
        return load(self.file, self.overrides)

    @property
    def database(self) -> Path:
        """The path of Optuna's database."""
        return self.experiment.storage / "optuna.db"

    @property
    def output(self) -> str:
        """The output of the last process."""
        return self._logs[-1].read_text(encoding="utf-8", errors="replace") if self._logs else ""

    def start(self) -> None:
        """Start the command."""
        self._logs.append(self.folder / f"driver-{len(self._logs) + 1}.log")
        self._process = self._start(self._logs[-1])
        self.event_log.record(f"driver {len(self._logs)} started, process {self._process.pid}")

    def run_second_driver(self) -> tuple[int, str]:
        """Run the same command while one runs; return its exit code and its output."""
        log = self.folder / "second-driver.log"
        process = self._start(log)
        try:
            return process.wait(timeout=90), log.read_text(encoding="utf-8")
        finally:
            kill_process_tree(process)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the driver's process alone."""
        (driver,) = self.drivers()
        driver.send_signal(number)

    def kill(self) -> None:
        """Kill the driver with SIGKILL."""
        assert self._process
        self.send(signal.SIGKILL)
        self._process.wait(timeout=60)

    def drivers(self) -> list[psutil.Process]:
        """Return the running process of the command, or an empty list."""
        assert self._process
        return [
            each
            for each in process_tree(self._process.pid)
            if is_running(each)
            and each.name() not in self.prefix
            and str(self.file) in each.cmdline()
        ][:1]

    def is_running(self) -> bool:
        """Return whether the driver runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float) -> int:
        """Wait for the study's end; return the exit code."""
        assert self._process
        seconds_taken = wait_until("the study ends", lambda: not self.is_running(), seconds)
        code = self._process.wait()
        self.event_log.record(
            f"driver {len(self._logs)} ended with {code} after {seconds_taken:.1f} s more"
        )
        self.event_log.record("its output: " + " | ".join(self.output.strip().splitlines()[-4:]))
        return code

    def stop(self) -> None:
        """Kill all processes of the command."""
        kill_process_tree(self._process)

    def epochs(self) -> int:
        """Return how many epochs were reported to Optuna."""
        return sum(len(each.reported) for each in stored_study.trials(self.database))

    def running_jobs(self) -> dict[str, int]:
        """Return the running jobs, each with the number of its reported epochs."""
        known = stored_study.trials(self.database)
        return {each.name: len(each.reported) for each in known if each.state == "RUNNING"}

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        faceseg = str(Path(sys.executable).with_name("faceseg"))
        overrides = [f"--set={each}" for each in self.overrides]
        command = [*self.prefix, faceseg, "study", str(self.file), *overrides]
        with log.open("ab") as stream:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "200", "TERM": "dumb", **self.environment},
                cwd=self.folder,
                start_new_session=True,
            )
