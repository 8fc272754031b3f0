"""The report of a decision: a table for the terminal, Markdown and JSON for the version's run."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.compare.escaping import escape_markdown
from pipelines.compare.formatting import DASH
from pipelines.config.names import is_judged
from pipelines.promote.decision import GateDecision
from pipelines.promote.gate_checks import GateCheck
from pipelines.registry.aliases import RegistryAlias
from pipelines.tracking import Tracker

MAX_TAG_LENGTH = 1000  # characters of a reason that is stored as a tag
COLUMNS = ("check", "champion", "candidate", "change", "interval", "must be", "")


def headline(decision: GateDecision) -> str:
    """Return the decision and its reason in one line."""
    effect = f"replace version {decision.champion}" if decision.champion else "become the first"
    may = "may" if decision.promoted else "may not"
    candidate = decision.candidate
    name = candidate if is_judged(candidate) else f"version {candidate}"
    return f"{name} {may} {effect}: {decision.reason}"


def decision_table(decision: GateDecision) -> Table:
    """Return the checks as a table for the terminal."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index in (0, 5, 6) else "right")
    for check in decision.checks:
        style = None if check.ok else "red" if check.role == "veto" else "yellow"
        table.add_row(*_cells(check), style=style)
    return table


def decision_markdown(decision: GateDecision) -> str:
    """Return the headline, the checks and the notes as Markdown."""
    lines = [
        "# Gate",
        "",
        escape_markdown(headline(decision)),
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
        *(
            "| " + " | ".join(map(escape_markdown, _cells(check))) + " |"
            for check in decision.checks
        ),
        "",
        *(f"- {escape_markdown(note)}" for note in decision.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def print_decision(decision: GateDecision, console: Console) -> None:
    """Print the checks, the notes and the headline."""
    if decision.checks:
        console.print(decision_table(decision))
    for note in decision.notes:
        console.print(f"note: {note}", highlight=False)
    console.print(headline(decision), highlight=False, soft_wrap=True)


def decision_tags(decision: GateDecision, outcome: str) -> dict[str, str]:
    """Return the tags of a decision: its outcome, the champion, the reason and the time."""
    return {
        "gate": outcome,
        "gate.against": decision.champion or "nobody",
        "gate.reason": decision.reason[:MAX_TAG_LENGTH],
        "gate.at": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def store_decision(
    decision: GateDecision, tracker: Tracker, run_id: str, alias: RegistryAlias
) -> None:
    """Store the decision among the files of a run."""
    with tracker.files(run_id) as folder:
        (folder / "gate").mkdir()
        name = f"{alias.model}-{alias.name}-against-{decision.champion or 'nobody'}"
        write_decision(decision, folder / "gate", name)


def write_decision(decision: GateDecision, folder: Path, name: str) -> None:
    """Write `<name>.md` and `<name>.json` into a folder."""
    (folder / f"{name}.md").write_text(decision_markdown(decision), encoding="utf-8")
    text = json.dumps(decision.as_data(), indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _cells(check: GateCheck) -> list[str]:
    return [*_figures(check), check.rule, _verdict(check)]


def _figures(check: GateCheck) -> Iterator[str]:
    yield check.name
    yield _number(check.champion)
    yield _number(check.candidate)
    if math.isnan(check.low):
        yield DASH if math.isnan(check.change) else f"x {check.change:.2f}"
        yield DASH
    else:
        yield f"{check.change:+.3f}"
        yield f"{check.low:+.3f} to {check.high:+.3f}"


def _verdict(check: GateCheck) -> str:
    if check.ok:
        return "ok"
    return "refused" if check.role == "veto" else "not shown"


def _number(value: float) -> str:
    if math.isnan(value):
        return DASH
    return f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}"
