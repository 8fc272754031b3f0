"""Where a worker's seconds go: the phases, as they are logged (`seconds/<phase>`) and read.

A run has those of its worker since the run before it, so nothing between two jobs is lost; what
a worker still waits after its last job is said on the study's run.
"""

from collections.abc import Mapping

from faceseg.stopwatch import CHECKPOINTS, COMPILING, INPUT, OTHER, STEPS, VALIDATION

ROBUSTNESS, TESTING, MEASURING = "robustness", "testing", "measuring"
ARTIFACTS, LOGGING = "artifacts", "logging"
START, IMPORTS, WAITING = "start", "imports", "waiting"

PLACE = "worker/job"  # the metric that says which of its worker's jobs a run was, from 1

WORDS = {
    STEPS: "optimiser steps",
    INPUT: "waiting for input",
    COMPILING: "tracing and compiling",
    VALIDATION: "validation",
    CHECKPOINTS: "checkpoints",
    LOGGING: "logging and reporting",
    ROBUSTNESS: "occlusion and other suites",
    TESTING: "the test",
    MEASURING: "measuring latency and memory",
    ARTIFACTS: "figures, files, registration",
    START: "start of the process",
    IMPORTS: "imports",
    WAITING: "waiting for a job",
    OTHER: "other",
}


def named(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return seconds by phase as metrics."""
    return {f"seconds/{phase}": value for phase, value in seconds.items()}


def read(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds by phase among a run's metrics; none if they were not measured."""
    found = {phase: metrics.get(f"seconds/{phase}") for phase in WORDS}
    return {phase: value for phase, value in found.items() if value is not None}
