"""Run every benchmark of docs/performance.md, one after the other.

    make benchmark                                  # about 50 minutes on 2 idle cores
    .venv-peers/bin/python -m tests.benchmarks --only step latency

The output of each goes to the terminal and to FOLDER/NAME.txt (results/benchmarks), with the
command on its first line. Failures are listed at the end (exit code 1) and do not stop the others.
"""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

BENCHMARKS = {
    "input": ["input"],
    "step": ["step", "--compiled"],
    "precision": ["precision"],
    "latency": ["latency"],
    "suites": ["suites"],
    "overhead-nothing": ["orchestrators", "nothing"],
    "overhead-faces": ["orchestrators", "faces"],
    "curves": ["curves"],
    "search-economy": ["search_economy"],
    "goal-curves": ["goal_curves"],
    "other-curves": [
        *("goal_curves", "results/benchmarks/curves-other", "--difficulty", "0.3", "--seed", "1"),
    ],
    "warm-start": ["warm_start"],
    "goal-economy": ["goal_economy"],
    "control-plane": ["overhead", "334", "64"],
    "tracking": ["tracking", "--writers", "64"],
    "packing": ["packing"],
    "intervals": ["coverage", "--studies", "200"],
}


def run(name: str, folder: Path) -> bool:
    """Run one benchmark; return whether it succeeded."""
    module, *options = BENCHMARKS[name]
    command = [sys.executable, "-u", "-m", f"tests.benchmarks.{module}", *options]
    shown = "$ python -m " + shlex.join(command[3:])
    print(f"\n{shown}", flush=True)
    began = time.monotonic()
    with (
        (folder / f"{name}.txt").open("w", encoding="utf-8") as file,
        (folder / f"{name}.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        file.write(f"{shown}\n")
        for line in process.stdout or ():
            print(line, end="", flush=True)
            file.write(line)
            file.flush()
    took = time.monotonic() - began
    print(f"{name}: {took:.0f} s, exit code {process.returncode}", flush=True)
    return process.returncode == 0


def main(arguments: Iterable[str] | None = None) -> int:
    """Run all benchmarks, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--folder", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args(None if arguments is None else list(arguments))
    given.folder.mkdir(parents=True, exist_ok=True)
    failed = [name for name in given.only if not run(name, given.folder)]
    if failed:
        print(f"\nfailed: {', '.join(failed)}; see {given.folder}/NAME.log", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
