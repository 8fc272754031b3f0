"""The ensembles: the mean of the best networks' probabilities, tested like finals.

Ensemble n consists of final n of every architecture, so there is one per seed. Nothing is trained.
Each is a Ray task with a worker's share of a node. It reads its members from MLflow and runs once:
a study that is resumed finds its run.
"""

import hashlib
import logging
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
from pipelines.job.context import StudyContext, outbox_for_key, study_sender
from pipelines.job.device_share import use_share
from pipelines.job.job import JobKey
from pipelines.job.log import log_run, open_log
from pipelines.search.worker import worker_environment
from pipelines.tracking import Outbox

BEST = "checkpoints/best.keras"
POLL_INTERVAL = 2.0  # seconds between two searches for members that have not reached MLflow
FINAL_DRAIN_TIMEOUT = 60.0  # seconds for a task's records to reach MLflow
MEMBER_TIMEOUT = 600.0  # seconds that a task waits for its members
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnsembleMember:
    """The final of an architecture, as its run is found in MLflow."""

    architecture: str
    winner: str


def digest(members: list[EnsembleMember]) -> str:
    """Return a short hash of the members.

    It is stored with runs, so the text that is hashed must not change: it names the class by an
    earlier name.
    """
    texts = (
        f"Member(architecture={each.architecture!r}, winner={each.winner!r})" for each in members
    )
    return hashlib.sha256(f"[{', '.join(texts)}]".encode()).hexdigest()[:8]


def run_ensembles(
    context: StudyContext, winners: dict[str, str], finals: dict[str, list[int]]
) -> str:
    """Test all ensembles that have no complete run.

    Args:
        context: The study.
        winners: The digest of each architecture's winner.
        finals: The numbers of each architecture's complete finals.

    Returns:
        The digest of the members; '' if no number is complete for all of them.

    Raises:
        UserError: One of them fails.
    """
    experiment = context.experiment
    members = [EnsembleMember(name, winners[name]) for name in experiment.architectures]
    resources = experiment.resources
    task = ray.remote(_evaluate_in_task).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_retries=3,
        runtime_env={"env_vars": worker_environment(resources.gpus)},
    )
    numbers = complete_numbers(finals, list(experiment.architectures), experiment.finals.seeds)
    tasks = {number: task.remote(context, members, number) for number in numbers}
    for number, running in tasks.items():
        try:
            ray.get(running)
        except RayError as error:
            reason = first_line(getattr(error, "cause", None) or error)
            raise UserError(
                f"ensemble {number} failed: {reason}. Finished work is kept: fix the cause, then "
                "re-run the same command to resume"
            ) from error
    return digest(members) if tasks else ""


def complete_numbers(finals: dict[str, list[int]], members: list[str], seeds: int) -> list[int]:
    """Return the numbers below `seeds` of which every member has a complete final."""
    return [n for n in range(seeds) if all(n in finals[name] for name in members)]


def _evaluate_in_task(context: StudyContext, members: list[EnsembleMember], number: int) -> None:
    """Test one ensemble, in a worker's process."""
    open_log(context.experiment.storage, context.name, f"ensemble-{number}")
    resources = context.experiment.resources
    use_share(resources)
    label = JobKey(kind="final", architecture=ENSEMBLE, number=number).label
    with log_run(label), study_sender(context) as sender:
        logger.info("ensemble started")
        _evaluate_ensemble(context, members, number, resources.threads)
        sender.drain(FINAL_DRAIN_TIMEOUT)
        logger.info("ensemble finished")


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
    runs = {each.architecture: _wait_for_run(context, each, number) for each in members}
    ended = max(run.info.end_time for run in runs.values()) / 1000  # the same at every attempt
    seed = next(iter(runs.values())).data.tags["faceseg.seed"]  # all members have the same
    outbox = _outbox(context, winner, number)
    data = context.manifest.fingerprint
    outbox.open(context.dataset, seed=seed, commit=context.commit, data=data, backend=preferred())
    outbox.params({"members": {name: run.info.run_id for name, run in runs.items()}})
    with TemporaryDirectory(prefix="faceseg-") as downloads, outbox.files() as folder:
        files = []
        for name, run in runs.items():
            (Path(downloads) / name).mkdir()
            files.append(context.tracker.fetch(run.info.run_id, BEST, Path(downloads) / name))
        predictors = [load(file) for file in files]
        ensemble = ensemble_predictor(predictors)
        values = assess(context, "final", ensemble, outbox, folder, at=ended, threads=threads)
        values |= cost.network_cost(predictors, files, threads)
    outbox.once(values, ended)
    outbox.tags(state="complete")
    outbox.end("FINISHED")


def _outbox(context: StudyContext, winner: str, number: int) -> Outbox:
    names = ", ".join(context.experiment.architectures)
    description = f"The mean of the class probabilities of final {number} of {names}, tested once."
    key = JobKey(kind="final", architecture=ENSEMBLE, number=number, winner=winner)
    return outbox_for_key(context, context.experiment.study, key, description)


def _complete(context: StudyContext, member: EnsembleMember, number: int) -> Run | None:
    """Return the run of a final that is complete in MLflow; None if there is none yet."""
    found = context.tracker.find_runs(
        context.experiment_id,
        study=context.experiment.study,
        kind="final",
        architecture=member.architecture,
        winner=member.winner,
        trial=str(number),
    )
    finished = [run for run in found if run.info.status == "FINISHED"]
    if not finished or finished[0].data.tags.get("faceseg.state") != "complete":
        return None
    return finished[0]


def _wait_for_run(context: StudyContext, member: EnsembleMember, number: int) -> Run:
    """Return a member's run once it is complete in MLflow."""
    until = time.monotonic() + MEMBER_TIMEOUT
    reason = "the run does not exist, or is incomplete"
    while time.monotonic() < until:
        try:
            context.tracker.probe()
            if run := _complete(context, member, number):
                return run
        except (MlflowException, OSError) as error:
            reason = first_line(error)
        time.sleep(POLL_INTERVAL)
    raise UserError(
        f"final {number} of {member.architecture} could not be read from MLflow for "
        f"{MEMBER_TIMEOUT:g} s: {reason}"
    )
