"""`faceseg tune-machine`: measure, print, keep; and the use of what was kept."""

import subprocess

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.config import Experiment
from pipelines.search.connection import address_of
from pipelines.tuning import choice as kept
from pipelines.tuning.candidates import Machine, candidates
from pipelines.tuning.measuring import Measured, measure


def run(experiment: Experiment, console: Console) -> kept.Choice:
    """Time the experiment's networks on this machine, print the table and keep the choice."""
    machine = Machine.here(_cards(experiment))
    precision = experiment.training.precision

    def told(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    found = measure(experiment, candidates(machine, precision), told)
    choice = kept.choose(experiment, machine, found)
    console.print(_table(machine, found))
    path = kept.keep(choice, experiment)
    console.print(
        f"kept in {path}: {choice.words}. A study takes it with --set resources.measured=true",
        highlight=False,
    )
    for line in _faster(found, precision):
        console.print(line, highlight=False)
    return choice


def applied(experiment: Experiment, console: Console) -> Experiment:
    """Return the experiment with the resources that were measured for it, if it asks for them.

    On a cluster the workers are as many as it holds: what was measured is one machine's.
    """
    if not experiment.resources.measured:
        return experiment
    choice = kept.read(experiment, _cards(experiment))
    here = address_of(experiment.resources) is None
    path = experiment.storage / kept.FILE
    console.print(
        f"resources: {choice.words}, as measured {choice.measured} ({path})", highlight=False
    )
    update = {
        "workers": choice.workers if here else experiment.resources.workers,
        "cpus": float(choice.cpus),
        "gpus": choice.gpus,
    }
    return experiment.model_copy(
        update={"resources": experiment.resources.model_copy(update=update)}
    )


def _table(machine: Machine, found: list[Measured]) -> Table:
    """Return a row a candidate: images a second of all its workers, and times the first."""
    table = Table(title=machine.name, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("images a second, all workers together", no_wrap=True)
    for heading in (*found[0].speeds, "times the first"):
        table.add_column(heading, justify="right")
    for each in found:
        speeds = (f"{speed:.1f}" for speed in each.speeds.values())
        table.add_row(each.candidate.words, *speeds, f"{each.ratio(found[0]):.2f}")
    return table


def _faster(found: list[Measured], precision: str) -> list[str]:
    """Say which other precision is faster, and how it is had: never without being asked for."""
    best = max((each.ratio(found[0]), each.candidate.precision) for each in found)
    own = max(each.ratio(found[0]) for each in found if each.candidate.precision == precision)
    if best[1] == precision or best[0] < 1.02 * own:
        return []
    return [
        f"{best[1]} is {best[0] / own:.2f} times as fast as {precision}, and changes scores: "
        f"--set training.precision={best[1]}, and tune again"
    ]


def _cards(experiment: Experiment) -> int:
    """Return how many graphics cards there are, if the experiment is to be trained on any."""
    if not experiment.resources.gpus:
        return 0
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return 0
    return listed.stdout.count("GPU ")
