"""The models that are not trained: ensembles, and networks' means with mirror images.

They are tested like finals. Final n of each consists of final n of its members: an ensemble of
several networks', a mirrored mean of one's. Each is a Ray task with a worker's share of
a node. It reads its members from MLflow and runs once: a study that is resumed finds its run.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from ray.exceptions import RayError

from faceseg.backends import preferred
from faceseg.errors import UserError, first_line
from pipelines.config import Experiment
from pipelines.config.names import mirrored_name
from pipelines.job.context import StudyContext, outbox_for_key, study_sender
from pipelines.job.device_share import use_share
from pipelines.job.job import EnsembleMember, JobKey, members_digest
from pipelines.job.log import log_run, open_log
from pipelines.job.members import complete_run, wait_for_run
from pipelines.search.worker import worker_environment
from pipelines.tracking import Outbox
from pipelines.tracking.run_networks import fetch_networks

FINAL_DRAIN_TIMEOUT = 60.0  # seconds for a task's records to reach MLflow
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DerivedModel:
    """A row of the comparison that uses the networks of others.

    Attributes:
        name: Its name in runs and tables.
        members: The networks.
        mirrored: Whether the mean with the mirror image is tested.
    """

    name: str
    members: tuple[EnsembleMember, ...]
    mirrored: bool = False

    @property
    def description(self) -> str:
        """The description of a run, with `{number}` for its number."""
        names = ", ".join(member.architecture for member in self.members)
        if self.mirrored:
            return f"Final {{number}} of {names}, averaged with its mirror image, tested once."
        return f"The mean of the class probabilities of final {{number}} of {names}, tested once."


def derived_members(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Return the members of each model that an experiment tests without training it."""
    mirrored = experiment.trained_networks if experiment.finals.mirrored else ()
    return {**experiment.ensembles, **{mirrored_name(name): (name,) for name in mirrored}}


def derived_models(experiment: Experiment, winners: dict[str, str]) -> list[DerivedModel]:
    """Return the models that an experiment tests without training them.

    Args:
        experiment: The experiment.
        winners: The digest of each network's winner.
    """
    member = {name: EnsembleMember(name, winners[name]) for name in experiment.trained_networks}
    together = {
        name: DerivedModel(name, tuple(member[each] for each in members))
        for name, members in experiment.ensembles.items()
    }
    mirrored = {
        mirrored_name(name): DerivedModel(mirrored_name(name), (member[name],), mirrored=True)
        for name in member
    }
    return [(together | mirrored)[name] for name in derived_members(experiment)]


def run_derived_models(
    context: StudyContext, models: list[DerivedModel], finals: dict[str, list[int]]
) -> dict[str, str]:
    """Test all finals of the models that have no complete run.

    Args:
        context: The study.
        models: The models.
        finals: The numbers of each network's complete finals.

    Returns:
        The digest of each model's members; without those of which no final can be tested.

    Raises:
        UserError: One of them fails.
    """
    resources = context.experiment.resources
    task = ray.remote(_evaluate_in_task).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_retries=3,
        runtime_env={"env_vars": worker_environment(resources.gpus)},
    )
    seeds = context.experiment.finals.seeds
    tasks = {
        (model, number): task.remote(context, model, number)
        for model in models
        for number in complete_numbers(
            finals, [member.architecture for member in model.members], seeds
        )
    }
    for (model, number), running in tasks.items():
        try:
            ray.get(running)
        except RayError as error:
            reason = first_line(getattr(error, "cause", None) or error)
            raise UserError(
                f"{model.name} {number} failed: {reason}. Finished work is kept: fix the cause, "
                "then re-run the same command to resume"
            ) from error
    return {model.name: members_digest(model.members) for model, _ in tasks}


def complete_numbers(finals: dict[str, list[int]], members: list[str], seeds: int) -> list[int]:
    """Return the numbers below `seeds` of which every member has a complete final."""
    return [n for n in range(seeds) if all(n in finals[name] for name in members)]


def _evaluate_in_task(context: StudyContext, model: DerivedModel, number: int) -> None:
    """Test one final of a model, in a worker's process."""
    open_log(context.experiment.storage, context.name, f"{model.name}-{number}")
    resources = context.experiment.resources
    use_share(resources)
    label = JobKey(kind="final", architecture=model.name, number=number).label
    with log_run(label), study_sender(context) as sender:
        logger.info("%s started", model.name)
        _evaluate(context, model, number, resources.threads)
        sender.drain(FINAL_DRAIN_TIMEOUT)
        logger.info("%s finished", model.name)


def _evaluate(context: StudyContext, model: DerivedModel, number: int, threads: int) -> None:
    from faceseg.inference.ensemble import ensemble_predictor
    from faceseg.inference.predictor import load
    from pipelines.execution import cost
    from pipelines.execution.assessment import assess

    winner = members_digest(model.members)
    if complete_run(context, EnsembleMember(model.name, winner), number):
        return
    runs = {each.architecture: wait_for_run(context, each, number) for each in model.members}
    ended = max(run.info.end_time for run in runs.values()) / 1000  # the same at every attempt
    seed = next(iter(runs.values())).data.tags["faceseg.seed"]  # all members have the same
    outbox = _outbox(context, model, winner, number)
    data = context.manifest.fingerprint
    outbox.open(context.dataset, seed=seed, commit=context.commit, data=data, backend=preferred())
    outbox.params({"members": {name: run.info.run_id for name, run in runs.items()}})
    with TemporaryDirectory(prefix="faceseg-") as downloads, outbox.files() as folder:
        networks = [run.info.run_id for run in runs.values()]
        files = fetch_networks(context.tracker, networks, Path(downloads))
        predictors = [load(file) for file in files]
        together = predictors[0].mirrored() if model.mirrored else ensemble_predictor(predictors)
        values = assess(context, "final", together, outbox, folder, at=ended, threads=threads)
        views = 2 if model.mirrored else 1
        values |= cost.network_cost(predictors, files, threads, views)
    outbox.once(values, ended)
    outbox.tags(state="complete")
    outbox.end("FINISHED")


def _outbox(context: StudyContext, model: DerivedModel, winner: str, number: int) -> Outbox:
    key = JobKey(kind="final", architecture=model.name, number=number, winner=winner)
    description = model.description.format(number=number)
    return outbox_for_key(context, context.experiment.study, key, description)
