"""The ensemble: the best networks' mean probabilities, tested like a final of them all.

Ensemble n is made of every architecture's final n, so there are as many as seeds, and nothing is
trained. Each is a task on Ray with a worker's share of a node; it reads its members from MLflow,
and is done once: a study that is run again finds its run.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from ray.exceptions import RayError

from faceseg.backends import preferred
from faceseg.errors import UserError, first_line
from pipelines.config.sections import ENSEMBLE
from pipelines.job import context as runs
from pipelines.job.context import StudyContext
from pipelines.job.job import JobKey
from pipelines.search.worker import worker_environment
from pipelines.tracking import Outbox, Sender

BEST = "checkpoints/best.keras"
POLL_INTERVAL = 2.0  # seconds between two looks for members that are on their way to MLflow
FINAL_DRAIN_TIMEOUT = 60.0  # seconds that a task gives its records to arrive
MEMBER_TIMEOUT = 600.0  # seconds that a task waits for its members


@dataclass(frozen=True)
class EnsembleMember:
    """An architecture's final: how its run is found."""

    architecture: str
    winner: str


def digest(members: list[EnsembleMember]) -> str:
    """Return a short hash of who is together."""
    return hashlib.sha256(str(members).encode()).hexdigest()[:8]


def run_ensembles(context: StudyContext, winners: dict[str, str]) -> str:
    """Test all ensembles that have not been; return their digest. UserError if one fails."""
    experiment = context.experiment
    members = [EnsembleMember(name, winners[name]) for name in experiment.architectures]
    resources = experiment.resources
    task = ray.remote(_evaluate_in_task).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_retries=3,
        runtime_env={"env_vars": worker_environment(resources.gpus)},
    )
    answers = [task.remote(context, members, number) for number in range(experiment.finals.seeds)]
    for number, answer in enumerate(answers):
        try:
            ray.get(answer)
        except RayError as error:
            reason = first_line(getattr(error, "cause", None) or error)
            raise UserError(
                f"ensemble {number} failed: {reason}. What was done is kept; mend the cause, and "
                "the same command goes on"
            ) from error
    return digest(members)


def _evaluate_in_task(context: StudyContext, members: list[EnsembleMember], number: int) -> None:
    """Test one ensemble, in a worker's process."""
    from faceseg.backends.device import configure_device

    resources = context.experiment.resources
    threads = max(1, int(resources.cpus))
    configure_device(threads, resources.gpus)
    with Sender(context.outboxes, context.tracker) as sender:
        _evaluate_ensemble(context, members, number, threads)
        sender.drain(FINAL_DRAIN_TIMEOUT)


def _evaluate_ensemble(
    context: StudyContext, members: list[EnsembleMember], number: int, threads: int
) -> None:
    from faceseg.inference.ensemble import ensemble_predictor
    from faceseg.inference.predictor import load
    from pipelines.execution import cost
    from pipelines.execution.assessment import assess

    winner = digest(members)
    if _complete(context, EnsembleMember(ENSEMBLE, winner), number):
        return
    found = {each.architecture: _wait_for_run(context, each, number) for each in members}
    ended = max(run.info.end_time for run in found.values()) / 1000  # however often it is done
    seed = next(iter(found.values())).data.tags["faceseg.seed"]  # the members' own, all alike
    outbox = _outbox(context, winner, number)
    data = context.manifest.fingerprint
    outbox.open(context.dataset, seed=seed, commit=context.commit, data=data, backend=preferred())
    outbox.params({"members": {name: run.info.run_id for name, run in found.items()}})
    with TemporaryDirectory(prefix="faceseg-") as place, outbox.files() as folder:
        files = []
        for name, run in found.items():
            (Path(place) / name).mkdir()
            files.append(context.tracker.fetch(run.info.run_id, BEST, Path(place) / name))
        predictors = [load(file) for file in files]
        answer = ensemble_predictor(predictors)
        values = assess(context, "final", answer, outbox, folder, at=ended, threads=threads)
        values |= cost.network_cost(predictors, files, threads)
    outbox.once(values, ended)
    outbox.tags(state="complete")
    outbox.end("FINISHED")


def _outbox(context: StudyContext, winner: str, number: int) -> Outbox:
    names = ", ".join(context.experiment.architectures)
    description = f"The mean of the class probabilities of final {number} of {names}, tested once."
    key = JobKey("final", ENSEMBLE, number, winner)
    return runs.outbox_for_key(context, context.experiment.study, key, description)


def _complete(context: StudyContext, member: EnsembleMember, number: int) -> Run | None:
    """Return the run of a final that is in MLflow, whole; None if it is not there yet."""
    found = context.tracker.find_runs(
        context.experiment_id,
        study=context.experiment.study,
        kind="final",
        architecture=member.architecture,
        winner=member.winner,
        trial=str(number),
    )
    done = [run for run in found if run.info.status == "FINISHED"]
    return done[0] if done and done[0].data.tags.get("faceseg.state") == "complete" else None


def _wait_for_run(context: StudyContext, member: EnsembleMember, number: int) -> Run:
    """Return a member's run, once MLflow has all of it."""
    until = time.monotonic() + MEMBER_TIMEOUT
    why = "it is not there, or not whole"
    while time.monotonic() < until:
        try:
            context.tracker.probe()
            if run := _complete(context, member, number):
                return run
        except (MlflowException, OSError) as error:
            why = first_line(error)
        time.sleep(POLL_INTERVAL)
    raise UserError(
        f"final {number} of {member.architecture} could not be read from MLflow for "
        f"{MEMBER_TIMEOUT:g} s: {why}"
    )
