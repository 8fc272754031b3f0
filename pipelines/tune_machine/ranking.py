"""The measured candidates as a table, and how certain it is which one is the fastest."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipelines.tune_machine.candidates import Machine
from pipelines.tune_machine.measurement import CandidateSpeed


def certainty(found: Sequence[CandidateSpeed], precision: str) -> str:
    """Return a sentence on how certain it is that the chosen candidate is the fastest.

    The candidates are compared within each round, so a slow period of the machine affects both.

    Args:
        found: The measured candidates.
        precision: The experiment's precision, at which one was chosen.
    """
    alike = at_precision(found, precision)
    best, *others = sorted(alike, key=lambda each: each.ratio(alike[0]), reverse=True)
    if not others:
        return "there was no other candidate at this precision"
    ratios = best.round_ratios(others[0])
    faster = sum(ratio > 1 for ratio in ratios)
    words = (
        f"{best.candidate.description} was faster than {others[0].candidate.description} in "
        f"{faster} of {len(ratios)} rounds, {best.ratio(others[0]):.2f} times "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    if faster == len(ratios):
        return f"certain: {words}"
    return f"uncertain: {words}. Either is a good choice; to decide, run it on an idle machine"


def at_precision(found: Sequence[CandidateSpeed], precision: str) -> list[CandidateSpeed]:
    """Return the candidates of one precision."""
    return [each for each in found if each.candidate.precision == precision]


def speed_table(machine: Machine, found: list[CandidateSpeed]) -> Table:
    """Return a table with a row per candidate: images per second, and its speed-up on the first."""
    table = Table(title=machine.name, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("images per second, all workers together", no_wrap=True)
    for heading in (*found[0].speeds, "times the first"):
        table.add_column(heading, justify="right")
    for each in found:
        speeds = (f"{speed:.1f}" for speed in each.speeds.values())
        table.add_row(each.candidate.description, *speeds, f"{each.ratio(found[0]):.2f}")
    return table


def faster_precision_hint(found: list[CandidateSpeed], precision: str) -> list[str]:
    """Return a hint if another precision is faster; it is never chosen automatically."""
    best = max((each.ratio(found[0]), each.candidate.precision) for each in found)
    own = max(each.ratio(found[0]) for each in found if each.candidate.precision == precision)
    if best[1] == precision or best[0] < 1.02 * own:
        return []
    return [
        f"{best[1]} is {best[0] / own:.2f} times as fast as {precision}, and changes scores: "
        f"--set training.precision={best[1]}, and run tune-machine again"
    ]
