"""What was measured, kept in a file that a person can read, and used where an experiment asks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.config.section import Section
from pipelines.tuning.candidates import Machine
from pipelines.tuning.measuring import Measured

FILE = "machine.yaml"
HEAD = "# How {study} trains fastest on this machine, by `faceseg tune-machine`.\n"


class Choice(Section):
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
    def words(self) -> str:
        """Say it for people."""
        what = f"{self.gpus:g} GPU" if self.gpus else f"{self.cpus} CPU"
        return f"{self.workers} workers of {what} each"


def choose(experiment: Experiment, machine: Machine, found: Sequence[Measured]) -> Choice:
    """Choose the fastest of those at the experiment's own precision: another changes scores."""
    precision = experiment.training.precision
    alike = [each for each in found if each.candidate.precision == precision]
    if not alike:
        raise UserError(
            f"nothing could be measured at {precision}: the reasons stand above. Set "
            "training.precision to one that this machine has"
        )
    best = max(alike, key=lambda each: each.ratio(alike[0]))
    return Choice(
        machine=machine.name,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        trained=trained(experiment),
        workers=best.candidate.workers,
        cpus=best.candidate.cpus,
        gpus=best.candidate.gpus,
        speeds={
            each.candidate.words: {name: round(speed, 1) for name, speed in each.speeds.items()}
            for each in found
        },
    )


def trained(experiment: Experiment) -> str:
    """Name what was timed: networks, size, classes, precision. Other settings cost no time."""
    data = experiment.data
    height, width = data.image_size
    names = ", ".join(f"{name} {options}" for name, (_, options) in experiment.networks.items())
    return f"{names}; {height} x {width}, {len(data.class_set)} classes, " + (
        experiment.training.precision
    )


def keep(choice: Choice, experiment: Experiment) -> Path:
    """Write the choice into the experiment's storage; return the file."""
    path = experiment.storage / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{FILE}")
    text = yaml.safe_dump(choice.model_dump(mode="json"), sort_keys=False, width=100)
    unfinished.write_text(HEAD.format(study=experiment.name) + text, encoding="utf-8")
    unfinished.replace(path)
    return path


def read(experiment: Experiment, cards: int) -> Choice:
    """Return what was chosen here for this experiment. UserError: nothing was, or elsewhere."""
    path = experiment.storage / FILE
    again = "run `faceseg tune-machine` with this experiment, or leave resources.measured out"
    try:
        choice = Choice.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"resources.measured: there is no {path} yet; {again}") from error
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(f"resources.measured: {path} cannot be read; {again}") from error
    for what, then, now in (
        ("on", choice.machine, Machine.here(cards).name),
        ("for", choice.trained, trained(experiment)),
    ):
        if then != now:
            raise UserError(
                f"resources.measured: {path} was measured {what} {then}; this is {now}: {again}"
            )
    return choice
