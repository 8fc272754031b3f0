"""The finished and remaining work of a study, read from its searches, to estimate the time left."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from faceseg.robustness.suites import SUITES
from pipelines.config import Experiment
from pipelines.config.search_section import Search
from pipelines.job.job import JobKey, JobKind
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.leases import Lease
from pipelines.search.time_left import EndedJob, OpenJob, remaining_seconds
from pipelines.search.trials import SECONDS, TrialStore, epochs_reported

Progress = Mapping[JobKey, tuple[int, int]]  # the epoch of a running job, and its percent
PRIOR_TRIALS = 2  # the weight of the pruner's own share, in trials, beside those that have ended


def study_remaining_seconds(
    searches: Sequence[ArchitectureSearch],
    experiment: Experiment,
    progress: Progress,
    splits: Mapping[str, int],
) -> float | None:
    """Estimate the seconds until a study's report is written; None while nothing is measured.

    Args:
        searches: The searches of its architectures and variants.
        experiment: The study's experiment.
        progress: The progress of the running jobs, as far as it is known.
        splits: The number of images of each split.
    """
    ended = [job for search in searches for job in ended_jobs(search, search.stores())]
    left = [job for search in searches for job in _open(search, progress)]
    running = sum(job.elapsed is not None for job in left)
    return remaining_seconds(
        ended,
        sorted(left, key=lambda job: job.kind == "final"),
        workers=max(1, experiment.resources.workers or running),
        images=assessed_images(experiment, splits),
    )


def epochs_done(search: ArchitectureSearch) -> int:
    """Return how many epochs are finished; a job that has ended counts with all of its."""
    lengths = job_lengths(search.experiment)
    return sum(store.epochs_done(lengths[kind]) for kind, store in search.stores().items())


def assessed_images(experiment: Experiment, splits: Mapping[str, int]) -> dict[JobKind, int]:
    """Return how many images a job of each kind assesses, once for each condition of the suites."""
    settings = experiment.robustness
    kinds = {"occlusion": settings.kinds}
    of_final = {**kinds, "corruption": settings.corruption, "geometry": settings.geometry}
    trial = min(settings.trial_images, splits.get("val", settings.trial_images))
    final = min(settings.final_images, splits.get("test", settings.final_images))
    return {"trial": trial * _conditions(kinds), "final": final * _conditions(of_final)}


def expected_epochs(search: Search, epochs: int, ended: Iterable[int]) -> float:
    """Return the mean number of epochs of the trials to come.

    Args:
        search: The settings of the search; a pruner continues 1 / N of the trials at each rung.
        epochs: The length of a trial that is not pruned.
        ended: The epochs of the trials that have ended.
    """
    trained = list(ended)
    if search.pruner == "none":
        return sum(trained) / len(trained) if trained else epochs
    prior, rung, share = 0.0, 0, 1.0
    following = search.grace_epochs
    while rung < epochs:
        prior += share * (min(following, epochs) - rung)
        rung, following = following, following * search.reduction_factor
        share /= search.reduction_factor
    return (PRIOR_TRIALS * prior + sum(trained)) / (PRIOR_TRIALS + len(trained))


def expected_trial_epochs(search: ArchitectureSearch) -> float:
    """Return the mean number of epochs of the trials to come of a search."""
    ended = (trial for trial in search.trials.ended() if trial.state != TrialState.FAIL)
    trained = [epochs for epochs in map(epochs_reported, ended) if epochs]
    length = job_lengths(search.experiment)["trial"]
    return expected_epochs(search.experiment.search, length, trained)


def _conditions(kinds: Mapping[str, Sequence[str]]) -> int:
    """Return the number of conditions, with the unchanged images of each suite."""
    return sum(
        1 + sum(len(SUITES[suite].severities(kind)) for kind in chosen)
        for suite, chosen in kinds.items()
        if chosen
    )


def job_lengths(experiment: Experiment) -> dict[JobKind, int]:
    """Return the number of epochs of a job of each kind that is trained to its end."""
    epochs = experiment.training.epochs
    return {"trial": epochs, "final": experiment.finals.epochs or epochs}


def ended_jobs(search: ArchitectureSearch, stores: Mapping[JobKind, TrialStore]) -> list[EndedJob]:
    """Return the jobs in some of a search's stores that were trained to their end and timed."""
    return [
        EndedJob(
            architecture=search.architecture,
            kind=kind,
            epochs=epochs_reported(trial),
            seconds=trial.user_attrs[SECONDS],
        )
        for kind, store in stores.items()
        for trial in store.ended()
        if trial.state != TrialState.FAIL and SECONDS in trial.user_attrs and epochs_reported(trial)
    ]


def _open(search: ArchitectureSearch, progress: Progress) -> list[OpenJob]:
    """Return the jobs that have not ended: those of workers first, then those that wait."""
    lengths = job_lengths(search.experiment)
    means: dict[JobKind, float] = {
        "trial": expected_trial_epochs(search),
        "final": lengths["final"],
    }
    held = [
        _held(job.key, trial, means[job.key.kind], lengths[job.key.kind], progress)
        for job, trial in search.running_jobs()
    ]
    counts = _waiting(search, Counter(job.kind for job in held))
    waiting = [
        OpenJob(architecture=search.architecture, kind=kind, epochs=means[kind])
        for kind, count in counts.items()
        for _ in range(count)
    ]
    return held + waiting


def _held(key: JobKey, trial: FrozenTrial, mean: float, length: int, progress: Progress) -> OpenJob:
    """Return a job that a worker holds."""
    lease = Lease.of(trial)
    epoch, percent = progress.get(key, (epochs_reported(trial), 100))
    done = max(0.0, epoch - 1 + percent / 100)
    return OpenJob(
        architecture=key.architecture,
        kind=key.kind,
        epochs=mean if done < mean else length,
        done=done,
        elapsed=time.time() - lease.since,
        resumed_at=lease.epochs,
    )


def _waiting(search: ArchitectureSearch, held: Counter[JobKind]) -> dict[JobKind, int]:
    """Return how many jobs of each kind wait for their first worker, or for another one."""
    left = search.suggester.left()
    unknown = 0 if search.is_taught else 1  # while another search may still change its winner
    trials = len(search.trials.running()) - held["trial"] + (unknown if left is None else left)
    finals, seeds = search.finals(), search.experiment.finals.seeds
    if finals is not None:
        seeds -= len(finals.ended()) + held["final"]
    elif search.done():  # no trial is complete
        seeds = 0
    return {"trial": trials, "final": max(0, seeds)}
