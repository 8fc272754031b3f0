"""Run the check, report the parts that could not run, write `gpu-check.json` and `gpu-check.md`."""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from faceseg.backends import BACKENDS
from tests.benchmarks.gpu import checks, gpu_monitor
from tests.benchmarks.gpu.checks import Machine, Row
from tests.benchmarks.gpu.first_step import first_step
from tests.benchmarks.gpu.in_trial import in_trial
from tests.benchmarks.gpu.studies import study, whole_study

TOGETHER = ("equality", "neighbours", "precision", "study")  # nothing is timed in these
TIMED = ("training", "throughput", "sharing")
ON_REQUEST = ("first_step", "in_trial", "whole_study")  # each takes minutes
PACKAGES = ("keras", *BACKENDS, "ray", "optuna", "mlflow")


def attempt(name: str, part: Callable[[], Iterable[Row]]) -> dict[str, Any]:
    """Run a part; return its rows, and the reason if it did not finish."""
    started = time.monotonic()
    found: dict[str, Any] = {"rows": []}
    try:
        for row in part():
            print(f"{name}: {row}", flush=True)
            found["rows"].append(row)
    except Exception as error:  # the other parts must run after any error
        found["not_run"] = f"{type(error).__name__}: {error}"
    found["seconds"] = round(time.monotonic() - started, 1)
    print(f"{name}: {found.get('not_run', 'done')} ({found['seconds']} s)", flush=True)
    return found


def check(machine: Machine, wanted: Sequence[str], batch: int) -> dict[str, Any]:
    """Run the selected parts; return the results of each. `batch` is the size that is timed."""
    size, train = (256, 192) if machine.gpu else (32, 24)
    trained = {"training", "neighbours", "precision", "sharing"}.intersection(wanted)
    pack = checks.faces(machine, size, train) if trained else machine.folder
    all_parts: dict[str, Callable[[], Iterable[Row]]] = {
        "equality": lambda: checks.equality(machine),
        "neighbours": lambda: checks.co_located_trials(machine, pack, size),
        "precision": lambda: checks.precision(machine, pack, size),
        "study": lambda: study(machine),
        "training": lambda: checks.training(machine, pack, size),
        "throughput": lambda: checks.throughput(machine, batch),
        "sharing": lambda: checks.sharing(machine, pack, size),
        "first_step": lambda: first_step(machine),
        "in_trial": lambda: in_trial(machine, batch),
        "whole_study": lambda: whole_study(machine),
    }
    found: dict[str, Any] = {}
    for group in (*((name,) for name in TIMED + ON_REQUEST), TOGETHER):
        with ThreadPoolExecutor(len(group)) as pool:
            begun = {
                name: pool.submit(attempt, name, all_parts[name])
                for name in group
                if name in wanted
            }
        found |= {name: each.result() for name, each in begun.items()}
    return found


def facts(gpu: bool) -> dict[str, Any]:
    """Return the description of the machine."""
    found: dict[str, Any] = {"processors": os.cpu_count(), "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found | (gpu_monitor.describe() if gpu else {"card": "none: run with --cpu"})


def markdown(what: dict[str, Any], found: dict[str, Any]) -> str:
    """Return everything as tables."""
    lines = [", ".join(f"{key} {value}" for key, value in what.items()), ""]
    for name, part in found.items():
        lines += [f"## {name.capitalize()} ({part['seconds']} s)", ""]
        rows = part["rows"]
        if "not_run" in part:
            lines += [f"Not run{' to its end' if rows else ''}: {part['not_run']}", ""]
        if not rows:
            continue
        heads = list(dict.fromkeys(key for row in rows for key in row))
        lines += [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        lines += [f"| {' | '.join(_cell(row.get(key)) for key in heads)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else str(value)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser("gpu-check", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu-check"), help="a folder")
    parser.add_argument(
        "--seconds", type=float, default=540, help="parts that are not done by then are skipped"
    )
    parser.add_argument(
        "--only", nargs="+", choices=TOGETHER + TIMED + ON_REQUEST, default=TOGETHER + TIMED,
        metavar="PART", help=f"these parts of it: {', '.join(TOGETHER + TIMED)}; "
        f"only on request: {', '.join(ON_REQUEST)}",
    )  # fmt: skip
    parser.add_argument(
        "--backend", nargs="+", choices=BACKENDS, metavar="BACKEND",
        help=f"of {', '.join(BACKENDS)}; default: those installed. The first is the one that "
        "trains where backends are not compared",
    )  # fmt: skip
    parser.add_argument(
        "--batch", type=int, default=checks.TIMED_BATCH,
        help="images in a step, for the parts throughput and in_trial",
    )  # fmt: skip
    parser.add_argument("--cpu", action="store_true", help="no GPU: small size, to test the check")
    given = parser.parse_args()
    installed = tuple(name for name in BACKENDS if find_spec(name))
    backends = tuple(given.backend or installed)
    if missing := set(backends or BACKENDS).difference(installed):
        there = ", ".join(installed) or "none"
        parser.error(f"not installed: {', '.join(sorted(missing))}; installed: {there}")
    try:
        what = facts(not given.cpu)
    except (RuntimeError, ImportError) as error:
        parser.error(f"{error}; on a machine without a GPU use --cpu, which tests the check itself")
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        deadline = time.monotonic() + given.seconds
        machine = Machine(Path(folder), not given.cpu, deadline, backends)
        found = check(machine, given.only, given.batch)
        text = markdown(what, found)
        (given.out / "gpu-check.json").write_text(json.dumps({"machine": what, "parts": found}))
        (given.out / "gpu-check.md").write_text(text, encoding="utf-8")
        errors = machine.folder / "stderr.txt"
        if errors.exists():
            (given.out / "stderr.txt").write_text(errors.read_text(errors="replace")[-200_000:])
    print(text)


if __name__ == "__main__":
    main()
