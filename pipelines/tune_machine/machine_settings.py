"""`faceseg tune-machine`: measure, print, keep; and the use of what was kept."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from faceseg.errors import UserError
from pipelines.cluster.connection import ray_address
from pipelines.config import Experiment
from pipelines.config.sections import Section
from pipelines.tune_machine.candidates import Machine, candidates
from pipelines.tune_machine.measurement import CandidateSpeed, measure_candidates

# --- What was measured, kept in a file that a person can read, and used where an experiment asks.

SETTINGS_FILE = "machine.yaml"
FILE_HEADER = "# How {study} trains fastest on this machine, by `faceseg tune-machine`.\n"


class MachineSettings(Section):
    """The fastest split of a machine at an experiment's precision, and how fast all were.

    `speeds` are images a second of all workers together, by candidate and network.
    """

    machine: str
    measured: str
    trained: str
    workers: int
    cpus: int
    gpus: float
    speeds: dict[str, dict[str, float]]

    @property
    def description(self) -> str:
        """Say it for people."""
        what = f"{self.gpus:g} GPU" if self.gpus else f"{self.cpus} CPU"
        return f"{self.workers} workers of {what} each"


def choose_fastest(
    experiment: Experiment, machine: Machine, found: Sequence[CandidateSpeed]
) -> MachineSettings:
    """Choose the fastest of those at the experiment's own precision: another changes scores."""
    precision = experiment.training.precision
    alike = [each for each in found if each.candidate.precision == precision]
    if not alike:
        raise UserError(
            f"nothing could be measured at {precision}: the reasons stand above. Set "
            "training.precision to one that this machine has"
        )
    best = max(alike, key=lambda each: each.ratio(alike[0]))
    return MachineSettings(
        machine=machine.name,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        trained=describe_workload(experiment),
        workers=best.candidate.workers,
        cpus=best.candidate.cpus,
        gpus=best.candidate.gpus,
        speeds={
            each.candidate.description: {
                name: round(speed, 1) for name, speed in each.speeds.items()
            }
            for each in found
        },
    )


def describe_workload(experiment: Experiment) -> str:
    """Name what was timed: networks, size, classes, precision. Other settings cost no time."""
    data = experiment.data
    height, width = data.image_size
    names = ", ".join(f"{name} {options}" for name, (_, options) in experiment.networks.items())
    return f"{names}; {height} x {width}, {len(data.class_set)} classes, " + (
        experiment.training.precision
    )


def write_machine_settings(choice: MachineSettings, experiment: Experiment) -> Path:
    """Write the choice into the experiment's storage; return the file."""
    path = experiment.storage / SETTINGS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{SETTINGS_FILE}")
    text = yaml.safe_dump(choice.model_dump(mode="json"), sort_keys=False, width=100)
    unfinished.write_text(FILE_HEADER.format(study=experiment.name) + text, encoding="utf-8")
    unfinished.replace(path)
    return path


def read_machine_settings(experiment: Experiment, cards: int) -> MachineSettings:
    """Return what was chosen here for this experiment. UserError: nothing was, or elsewhere."""
    path = experiment.storage / SETTINGS_FILE
    again = "run `faceseg tune-machine` with this experiment, or leave resources.measured out"
    try:
        choice = MachineSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"resources.measured: there is no {path} yet; {again}") from error
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(f"resources.measured: {path} cannot be read; {again}") from error
    for what, then, now in (
        ("on", choice.machine, Machine.detect(cards).name),
        ("for", choice.trained, describe_workload(experiment)),
    ):
        if then != now:
            raise UserError(
                f"resources.measured: {path} was measured {what} {then}; this is {now}: {again}"
            )
    return choice


def tune_machine(experiment: Experiment, console: Console) -> MachineSettings:
    """Time the experiment's networks on this machine, print the table and keep the choice."""
    machine = Machine.detect(_gpu_count(experiment))
    precision = experiment.training.precision

    def told(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    found = measure_candidates(experiment, candidates(machine, precision), told)
    choice = choose_fastest(experiment, machine, found)
    console.print(_speed_table(machine, found))
    path = write_machine_settings(choice, experiment)
    console.print(
        f"kept in {path}: {choice.description}. A study takes it with --set resources.measured=true",
        highlight=False,
    )
    for line in _faster_precision_hint(found, precision):
        console.print(line, highlight=False)
    return choice


def apply_machine_settings(experiment: Experiment, console: Console) -> Experiment:
    """Return the experiment with the resources that were measured for it, if it asks for them.

    On a cluster the workers are as many as it holds: what was measured is one machine's.
    """
    if not experiment.resources.measured:
        return experiment
    choice = read_machine_settings(experiment, _gpu_count(experiment))
    here = ray_address(experiment.resources) is None
    path = experiment.storage / SETTINGS_FILE
    console.print(
        f"resources: {choice.description}, as measured {choice.measured} ({path})", highlight=False
    )
    update = {
        "workers": choice.workers if here else experiment.resources.workers,
        "cpus": float(choice.cpus),
        "gpus": choice.gpus,
    }
    return experiment.model_copy(
        update={"resources": experiment.resources.model_copy(update=update)}
    )


def _speed_table(machine: Machine, found: list[CandidateSpeed]) -> Table:
    """Return a row a candidate: images a second of all its workers, and times the first."""
    table = Table(title=machine.name, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("images a second, all workers together", no_wrap=True)
    for heading in (*found[0].speeds, "times the first"):
        table.add_column(heading, justify="right")
    for each in found:
        speeds = (f"{speed:.1f}" for speed in each.speeds.values())
        table.add_row(each.candidate.description, *speeds, f"{each.ratio(found[0]):.2f}")
    return table


def _faster_precision_hint(found: list[CandidateSpeed], precision: str) -> list[str]:
    """Say which other precision is faster, and how it is had: never without being asked for."""
    best = max((each.ratio(found[0]), each.candidate.precision) for each in found)
    own = max(each.ratio(found[0]) for each in found if each.candidate.precision == precision)
    if best[1] == precision or best[0] < 1.02 * own:
        return []
    return [
        f"{best[1]} is {best[0] / own:.2f} times as fast as {precision}, and changes scores: "
        f"--set training.precision={best[1]}, and tune again"
    ]


def _gpu_count(experiment: Experiment) -> int:
    """Return how many graphics cards there are, if the experiment is to be trained on any."""
    if not experiment.resources.gpus:
        return 0
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return 0
    return listed.stdout.count("GPU ")
