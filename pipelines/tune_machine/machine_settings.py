"""`faceseg tune-machine`: measure the candidates, store the fastest, and apply it to a study."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError
from rich.console import Console

from faceseg.errors import UserError
from pipelines.cluster.connection import ray_address
from pipelines.config import Experiment
from pipelines.config.plain_yaml import read_yaml
from pipelines.config.section import Section
from pipelines.tune_machine.candidates import Machine, candidates
from pipelines.tune_machine.measurement import CandidateSpeed, measure_candidates
from pipelines.tune_machine.ranking import (
    at_precision,
    certainty,
    faster_precision_hint,
    speed_table,
)

SETTINGS_FILE = "machine.yaml"
FILE_HEADER = "# The fastest settings for {study} on this machine, by `faceseg tune-machine`.\n"


class MachineSettings(Section):
    """The fastest split of a machine at an experiment's precision: the content of the file.

    Attributes:
        machine: A phrase for the machine.
        measured: The time of the measurement, in ISO format.
        trained: A phrase for the networks, sizes and precision.
        workers: Concurrent workers.
        cpus: CPUs per worker.
        gpus: GPUs per worker.
        speeds: Images per second of all workers together, by candidate and network.
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
        """The split in words."""
        resource = f"{self.gpus:g} GPU" if self.gpus else f"{self.cpus} CPU"
        return f"{self.workers} workers of {resource} each"


def choose_fastest(
    experiment: Experiment, machine: Machine, found: Sequence[CandidateSpeed]
) -> MachineSettings:
    """Return the fastest candidate at the experiment's precision; another would change scores.

    Args:
        experiment: The experiment.
        machine: The machine on which the candidates ran.
        found: The measured candidates.

    Raises:
        UserError: No candidate at this precision could be measured.
    """
    precision = experiment.training.precision
    alike = at_precision(found, precision)
    if not alike:
        raise UserError(
            f"nothing could be measured at {precision}, for the reasons printed above. Set "
            "training.precision to one that this machine supports"
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
    """Describe what was timed: networks, image size, classes and precision.

    The text is stored and compared, so it must not change. Other settings do not affect the speed.
    """
    data = experiment.data
    height, width = data.image_size
    names = ", ".join(f"{name} {options}" for name, (_, options) in experiment.networks.items())
    return f"{names}; {height} x {width}, {len(data.class_set)} classes, " + (
        experiment.training.precision
    )


def write_machine_settings(choice: MachineSettings, experiment: Experiment) -> Path:
    """Write the settings into the experiment's storage; return the file."""
    path, unfinished = experiment.storage / SETTINGS_FILE, _unfinished_file(experiment)
    text = yaml.safe_dump(choice.model_dump(mode="json"), sort_keys=False, width=100)
    unfinished.write_text(FILE_HEADER.format(study=experiment.name) + text, encoding="utf-8")
    unfinished.replace(path)
    return path


def _unfinished_file(experiment: Experiment) -> Path:
    """Return the path under which the settings are written; its folder exists."""
    experiment.storage.mkdir(parents=True, exist_ok=True)
    return experiment.storage / f".{SETTINGS_FILE}"


def read_machine_settings(experiment: Experiment, gpus: int) -> MachineSettings:
    """Return the stored settings.

    Args:
        experiment: The experiment whose storage contains the file.
        gpus: The number of GPUs of this machine that are used.

    Raises:
        UserError: There are none, or they were measured on another machine or for other networks.
    """
    path = experiment.storage / SETTINGS_FILE
    again = "run `faceseg tune-machine` with this experiment, or remove resources.measured"
    try:
        choice = MachineSettings.model_validate(read_yaml(path))
    except FileNotFoundError as error:
        raise UserError(f"resources.measured: {path} does not exist yet; {again}") from error
    except (ValidationError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"resources.measured: {path} cannot be read; {again}") from error
    for preposition, stored, current in (
        ("on", choice.machine, Machine.detect(gpus).name),
        ("for", choice.trained, describe_workload(experiment)),
    ):
        if stored != current:
            raise UserError(
                f"resources.measured: {path} was measured {preposition} {stored}; this is "
                f"{current}: {again}"
            )
    return choice


def tune_machine(experiment: Experiment, console: Console) -> MachineSettings:
    """Time the experiment's networks on this machine, print the table and store the fastest.

    Args:
        experiment: The experiment.
        console: Receives the progress and the table.

    Returns:
        The stored settings.

    Raises:
        UserError: No candidate at the experiment's precision could be measured.
        OSError: The storage cannot be written to.
    """
    _unfinished_file(experiment).touch()  # measuring takes minutes: a full disk is reported now
    machine = Machine.detect(_gpu_count(experiment))
    precision = experiment.training.precision

    def report(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    found = measure_candidates(experiment, candidates(machine, precision), report)
    choice = choose_fastest(experiment, machine, found)
    console.print(speed_table(machine, found))
    console.print(certainty(found, precision), highlight=False)
    path = write_machine_settings(choice, experiment)
    console.print(
        f"stored in {path}: {choice.description}. Use it in a study with --set "
        "resources.measured=true",
        highlight=False,
    )
    for line in faster_precision_hint(found, precision):
        console.print(line, highlight=False)
    return choice


def apply_machine_settings(experiment: Experiment, console: Console) -> Experiment:
    """Return the experiment with the measured resources, if it requests them.

    On a cluster the number of workers is left unchanged, because one machine was measured.

    Args:
        experiment: The experiment.
        console: Receives a line with the resources.

    Raises:
        UserError: There are no settings for this machine and these networks.
    """
    if not experiment.resources.measured:
        return experiment
    choice = read_machine_settings(experiment, _gpu_count(experiment))
    local = ray_address(experiment.resources) is None
    path = experiment.storage / SETTINGS_FILE
    console.print(
        f"resources: {choice.description}, as measured {choice.measured} ({path})", highlight=False
    )
    update = {
        "workers": choice.workers if local else experiment.resources.workers,
        "cpus": float(choice.cpus),
        "gpus": choice.gpus,
    }
    return experiment.model_copy(
        update={"resources": experiment.resources.model_copy(update=update)}
    )


def _gpu_count(experiment: Experiment) -> int:
    """Return the number of GPUs of this machine; 0 if the experiment does not use them."""
    if not experiment.resources.gpus:
        return 0
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return 0
    return listed.stdout.count("GPU ")
