"""The finals of a taught network: which jobs they wait for, and what they share with others."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import EnsembleMember, Job, JobKey
from pipelines.search.coordinator import WAIT, Coordinator
from pipelines.search.job_outcome import JobOutcome

NAME = "segnet-distilled"


@pytest.fixture
def distilled(experiment: Experiment, changed: Any) -> Experiment:
    """Three architectures of one trial and two finals; unet and pspnet teach segnet."""
    distil = {"student": "segnet", "teacher": "ensemble.unet.pspnet"}
    return changed(experiment, search={"trials": 1, "random_trials": 1}, distil=distil)


def end(coordinator: Coordinator, worker: str, key: JobKey, value: float | None = 0.5) -> None:
    assert coordinator.finish(worker, key, JobOutcome(value=value, reason="" if value else "died"))


def run_all(
    coordinator: Coordinator,
    worker: str = "s/worker-1",
    until: Callable[[Job], bool] = lambda job: False,
) -> list[Job]:
    """Run jobs in one worker until none is left, or one is taken that `until` is true for."""
    jobs: list[Job] = []
    while isinstance(job := coordinator.next_job(worker), Job):
        jobs.append(job)
        if until(job):
            break
        end(coordinator, worker, job.key)
    return jobs


def test_a_taught_final_follows_its_teachers_and_equals_its_students(distilled: Experiment):
    coordinator = Coordinator(distilled, "s")
    jobs = run_all(coordinator)
    order = [job.key for job in jobs]
    final = {(key.architecture, key.number): key for key in order if key.kind == "final"}
    assert len(final) == 8
    for number in (0, 1):
        taught = next(job for job in jobs if job.key == final[NAME, number])
        alone = next(job for job in jobs if job.key == final["segnet", number])
        assert (taught.seed, taught.settings) == (alone.seed, alone.settings)
        assert taught.teachers == tuple(
            EnsembleMember(name, final[name, 0].winner) for name in ("unet", "pspnet")
        )
        assert alone.teachers == ()
        assert all(
            order.index(final[name, number]) < order.index(taught.key)
            for name in ("unet", "pspnet")
        )
    assert not [key for key in order if key.architecture == NAME and key.kind == "trial"]
    winners = coordinator.winners()
    assert winners[NAME] == final[NAME, 0].winner != winners["segnet"]
    assert coordinator.complete_finals()[NAME] == [0, 1]
    snapshot = coordinator.snapshot()
    assert (snapshot.budgets[NAME], snapshot.finals[NAME]) == (0, 2)


def test_a_worker_waits_while_another_trains_the_teacher(distilled: Experiment):
    coordinator = Coordinator(distilled, "s")
    first, second = "s/worker-1", "s/worker-2"
    is_teacher = lambda job: (job.key.kind, job.key.architecture) == ("final", "unet")  # noqa: E731
    held = run_all(coordinator, first, is_teacher)[-1]
    others = run_all(coordinator, second)
    taught = [job.key.number for job in others if job.key.architecture == NAME]
    assert coordinator.next_job(second) == WAIT
    assert taught == []  # finals are taught in order, and the first one's teacher is held
    end(coordinator, first, held.key)
    assert [job.key.architecture for job in run_all(coordinator, second)] == [NAME, NAME]
    assert coordinator.next_job(first) is None


def test_a_final_whose_teacher_failed_is_tried_again_with_it(distilled: Experiment):
    coordinator = Coordinator(distilled, "s")
    is_teacher = lambda job: job.key.label == "pspnet-final-000"  # noqa: E731
    failed = run_all(coordinator, until=is_teacher)[-1]
    end(coordinator, "s/worker-1", failed.key, None)
    labels = [job.key.label for job in run_all(coordinator)]
    assert f"{NAME}-final-000" not in labels
    assert f"{NAME}-final-001" in labels
    assert coordinator.next_job("s/worker-1") is None
    assert coordinator.failure_reasons()[NAME] == ["its teacher failed: final 0 of pspnet"]
    again = [job.key.label for job in run_all(Coordinator(distilled, "t"), "t/worker-1")]
    assert again == ["pspnet-final-000", f"{NAME}-final-000"]


def test_a_judged_teacher_has_no_finals_to_wait_for(distilled: Experiment, changed: Any):
    """Its student's finals follow the student's search; another digest trains other finals."""
    judged = changed(distilled, distil={"teacher": "bisenet.judged"})
    member = EnsembleMember("bisenet.judged", "aaaa1111")
    coordinator = Coordinator(judged, "s", judged=member)
    is_taught = lambda job: job.key.architecture == NAME  # noqa: E731
    before = run_all(coordinator, until=is_taught)
    assert not [
        job for job in before if job.key == JobKey(kind="trial", architecture=NAME, number=0)
    ]
    taught = before[-1]
    assert taught.teachers == (member,)
    end(coordinator, "s/worker-1", taught.key)
    jobs = [*before, *run_all(coordinator)]
    alone = next(job for job in jobs if job.key.label == "segnet-final-000")
    assert (taught.seed, taught.settings) == (alone.seed, alone.settings)
    assert coordinator.complete_finals()[NAME] == [0, 1]
    snapshot = coordinator.snapshot()
    assert (snapshot.budgets[NAME], snapshot.finals[NAME]) == (0, 2)

    assert run_all(Coordinator(judged, "t", judged=member), "t/worker-1") == []
    other = Coordinator(judged, "u", judged=EnsembleMember("bisenet.judged", "bbbb2222"))
    labels = [job.key.label for job in run_all(other, "u/worker-1")]
    assert labels == [f"{NAME}-final-000", f"{NAME}-final-001"]
    with pytest.raises(ValueError, match="a judged network, which was not given"):
        Coordinator(judged, "v").winners()


def test_a_judged_teachers_student_waits_for_its_own_search_alone(
    distilled: Experiment, changed: Any
):
    judged = changed(distilled, distil={"teacher": "bisenet.judged"})
    coordinator = Coordinator(judged, "s", judged=EnsembleMember("bisenet.judged", "aaaa1111"))
    first = [coordinator.next_job(f"s/worker-{number}") for number in range(3)]
    by_name = {
        job.key.architecture: (place, job)
        for place, job in enumerate(first)
        if isinstance(job, Job)
    }
    assert by_name.keys() == {"unet", "pspnet", "segnet"}
    place, trial = by_name["segnet"]
    end(coordinator, f"s/worker-{place}", trial.key)
    labels = []
    while isinstance(job := coordinator.next_job(f"s/worker-{place}"), Job):
        labels.append(job.key.label)
        end(coordinator, f"s/worker-{place}", job.key)
    assert {f"{NAME}-final-000", f"{NAME}-final-001"} <= set(labels)


def test_another_share_of_the_teacher_is_another_winner(distilled: Experiment, changed: Any):
    coordinator = Coordinator(distilled, "s")
    run_all(coordinator)
    other = Coordinator(changed(distilled, distil={"weight": 0.9}), "t")
    assert [job.key.label for job in run_all(other, "t/worker-1")] == [
        f"{NAME}-final-000",
        f"{NAME}-final-001",
    ]
    assert other.winners()[NAME] != coordinator.winners()[NAME]
    assert other.winners()["segnet"] == coordinator.winners()["segnet"]
