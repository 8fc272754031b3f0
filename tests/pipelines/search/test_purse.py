"""A budget ends each architecture's search in time for its finals: worked by hand, on a clock."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.coordinator import Coordinator
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.purse import Balance

from .coordinator_steps import CRASH, take
from .spending_steps import Clock

HOUR = 3600.0
NAMES = ("unet", "pspnet", "segnet")


def balance(**changes: Any) -> Balance:
    """One limit of 10, of which 3 are left for trials of 1."""
    amounts = {"share": 10.0, "spent": 4.0, "running": 1.0, "finals": 2.0, "trial": 1.0} | changes
    return Balance(**{name: value and {"kwh": value} for name, value in amounts.items()})


def test_what_is_not_spent_or_kept_pays_for_whole_trials():
    assert balance().trials_left() == 3
    assert balance(trial=2.0).trials_left() == 1
    assert balance(trial=3.5).trials_left() == 0
    assert balance(finals=9.0).trials_left() == 0


def test_a_trial_of_unknown_cost_may_start_while_something_is_left():
    assert balance(trial=None).trials_left() == math.inf
    assert balance(trial=None, spent=7.0).trials_left() == 0


def test_the_tightest_limit_decides_and_is_named():
    both = Balance(
        share={"kwh": 10, "gpu_hours": 2.5},
        spent={"kwh": 4, "gpu_hours": 1.25},
        running={"kwh": 0, "gpu_hours": 0},
        finals={"kwh": 3, "gpu_hours": 0.75},
        trial={"kwh": 1, "gpu_hours": 0.625},
    )
    assert both.trials_left() == 0
    assert both.describe(3) == (
        "of its 2.5 gpu_hours, 1.25 are spent and 0.75 are kept for 3 finals; a trial takes about "
        "0.625"
    )


# --- A whole study: trials of 6 epochs and finals of 9, an epoch takes an hour of one CPU.


@pytest.fixture
def budgeted(experiment: Experiment, changed: Any) -> Callable[..., Experiment]:
    """The experiment with a budget and up to 20 trials an architecture."""

    def make(budget: Any, prices: Any = None, **sections: Any) -> Experiment:
        search = {**experiment.search.model_dump(), "trials": 20, "budget": budget}
        resources = {"prices": prices, **sections.pop("resources", {})}
        return changed(experiment, search=search, resources=resources, **sections)

    return make


def run(coordinator: Coordinator, clock: Clock, worker: str = "s/w1") -> Counter[tuple[str, str]]:
    """Run all jobs with one worker; return how many of each architecture and kind it ran."""
    found: Counter[tuple[str, str]] = Counter()
    while (job := coordinator.next_job(worker)) is not None:
        assert isinstance(job, Job)
        train(coordinator, clock, job, worker)
        found[job.key.architecture, job.key.kind] += 1
    return found


def train(
    coordinator: Coordinator, clock: Clock, job: Job, worker: str = "s/w1", scale: float = 1
) -> None:
    for epoch in range(1, job.settings.epochs + 1):
        clock.now += scale * HOUR
        coordinator.report(worker, job.key, epoch, 0.5, 1.0)
    seconds = {"steps": job.settings.epochs * scale * HOUR}
    coordinator.finish(worker, job.key, JobOutcome(value=0.5, seconds=seconds))


@pytest.mark.usefixtures("memory")
def test_each_architecture_gets_an_equal_share_and_keeps_the_cost_of_its_finals(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """Of its 50 h, 18 are kept for two finals: five trials of 6 h fit into 32 h."""
    coordinator = Coordinator(budgeted({"cpu_hours": 150}), "s")
    assert run(coordinator, clock) == {
        **{(name, "trial"): 5 for name in NAMES},
        **{(name, "final"): 2 for name in NAMES},
    }
    spent = coordinator.spent()
    assert {name: spent[name].seconds for name in NAMES} == dict.fromkeys(NAMES, 48 * HOUR)
    messages = coordinator.snapshot().messages
    assert messages == [
        f"{name}: search.budget ends its search after 5 of 20 trials: of its 50 cpu_hours, 30 are "
        "spent and 18 are kept for 2 finals; a trial takes about 6"
        for name in NAMES
    ]


@pytest.mark.usefixtures("memory")
def test_a_slow_architecture_gets_fewer_trials_and_no_more_time(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """An epoch of `segnet` takes two hours: 36 of its 50 h are kept, and one trial takes 12."""
    coordinator = Coordinator(budgeted({"cpu_hours": 150}), "s")
    trials: Counter[str] = Counter()
    while (job := coordinator.next_job("s/w1")) is not None:
        assert isinstance(job, Job)
        train(coordinator, clock, job, scale=2 if job.key.architecture == "segnet" else 1)
        trials[job.key.architecture] += job.key.kind == "trial"
    assert trials == {"unet": 5, "pspnet": 5, "segnet": 1}
    assert coordinator.spent()["segnet"].seconds == 48 * HOUR


@pytest.mark.usefixtures("memory")
def test_money_counts_all_prices(budgeted: Callable[..., Experiment], clock: Clock):
    """An hour costs 2 for two CPUs and 1 for a quarter of a GPU: as 50 h an architecture."""
    prices = {"cpu_hour": 1, "gpu_hour": 4}
    resources = {"cpus": 2, "gpus": 0.25}
    experiment = budgeted({"money": 450}, prices, resources=resources)
    assert run(Coordinator(experiment, "s"), clock)["unet", "trial"] == 5


@pytest.mark.usefixtures("memory")
def test_energy_is_estimated_from_the_stated_power(
    budgeted: Callable[..., Experiment], clock: Clock
):
    experiment = budgeted({"kwh": 15}, resources={"power": {"cpu": 100}})
    assert run(Coordinator(experiment, "s"), clock)["unet", "trial"] == 5


@pytest.mark.usefixtures("memory")
def test_each_architecture_has_at_least_one_trial_and_its_finals(
    budgeted: Callable[..., Experiment], clock: Clock
):
    ran = run(Coordinator(budgeted({"cpu_hours": 0.1}), "s"), clock)
    assert [ran[name, "trial"] for name in NAMES] == [1, 1, 1]
    assert [ran[name, "final"] for name in NAMES] == [2, 2, 2]


@pytest.mark.usefixtures("memory")
def test_killed_attempts_are_paid_for(budgeted: Callable[..., Experiment], clock: Clock):
    """The first attempt at the first trial is killed after 7 h: one trial less fits."""
    alone = {"pspnet": None, "segnet": None}
    coordinator = Coordinator(budgeted({"cpu_hours": 50}, architectures=alone), "s")
    take(coordinator)
    clock.now += 7 * HOUR
    coordinator.release("s/w1", CRASH)
    assert run(coordinator, clock)["unet", "trial"] == 4
    assert coordinator.spent()["unet"].seconds == (7 + 4 * 6 + 2 * 9) * HOUR


@pytest.mark.usefixtures("memory")
def test_trials_that_run_are_paid_for_before_another_starts(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """After one trial, 26 h are left for trials: four of them, also at the same time."""
    alone = {"pspnet": None, "segnet": None}
    coordinator = Coordinator(budgeted({"cpu_hours": 50}, architectures=alone), "s")
    train(coordinator, clock, take(coordinator))
    workers = [f"s/w{number}" for number in range(1, 7)]
    jobs = [coordinator.next_job(worker) for worker in workers]
    assert jobs[4:] == ["wait", "wait"]
    assert coordinator.snapshot().messages == []  # they may still end early
    for worker, job in zip(workers[:4], jobs[:4], strict=True):
        assert isinstance(job, Job)
        coordinator.finish(worker, job.key, JobOutcome(value=None, reason="broken"))
    assert isinstance(coordinator.next_job("s/w1"), Job)


@pytest.mark.usefixtures("memory")
def test_an_end_is_kept_whatever_later_jobs_cost_until_the_budget_changes(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """The first final takes 1 h in place of 9, so there would be room for another trial."""
    alone = {"pspnet": None, "segnet": None}
    experiment = budgeted({"cpu_hours": 50}, architectures=alone)
    coordinator = Coordinator(experiment, "s")
    for _ in range(5):
        train(coordinator, clock, take(coordinator))
    final = take(coordinator)
    assert final.key.kind == "final"
    train(coordinator, clock, final, scale=1 / 9)
    for session in ("s", "t"):
        assert Coordinator(experiment, session).searches["unet"].suggester.left() == 0
    assert run(Coordinator(experiment, "t"), clock, "t/w1") == {("unet", "final"): 1}
    # 40 h are spent, and finals of another winner may follow: with 65 h, one trial is added.
    larger = budgeted({"cpu_hours": 65}, architectures=alone)
    assert run(Coordinator(larger, "u"), clock, "u/w1")["unet", "trial"] == 1


@pytest.mark.usefixtures("memory")
def test_a_restarted_coordinator_ends_the_searches_at_the_same_trials(
    budgeted: Callable[..., Experiment], clock: Clock
):
    experiment = budgeted({"cpu_hours": 150})
    ran: Counter[tuple[str, str]] = Counter()
    while (job := Coordinator(experiment, "s").next_job("s/w1")) is not None:
        assert isinstance(job, Job)
        train(Coordinator(experiment, "s"), clock, job)
        ran[job.key.architecture, job.key.kind] += 1
    assert ran["unet", "trial"] == ran["segnet", "trial"] == 5
    assert sum(each.seconds for each in Coordinator(experiment, "s").spent().values()) == 144 * HOUR


@pytest.mark.usefixtures("memory")
def test_variants_are_paid_for_before_the_budget_is_divided(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """Its trial and its finals take 24 of 98 h: 74 are left for two architectures."""
    experiment = budgeted(
        {"cpu_hours": 98},
        architectures={"segnet": None},
        variants={"unet-small": {"of": "unet", "width": 0.5}},
    )
    coordinator = Coordinator(experiment, "s")
    ran = run(coordinator, clock)
    # 37 h each, without 18 for the finals: three trials of 6 h.
    assert (ran["unet", "trial"], ran["pspnet", "trial"]) == (3, 3)
    assert (ran["unet-small", "trial"], ran["unet-small", "final"]) == (1, 2)
    assert sum(each.seconds for each in coordinator.spent().values()) == 96 * HOUR


@pytest.mark.usefixtures("memory")
def test_a_budget_that_is_never_reached_changes_no_trial(
    budgeted: Callable[..., Experiment], clock: Clock
):
    """Without one, the study has the same name, and its trials the same settings."""
    found = []
    for name, budget in (("fake", {"cpu_hours": 1e6}), ("other", None)):
        alone = {"pspnet": None, "segnet": None}
        each = budgeted(budget, name=name, architectures=alone)
        coordinator = Coordinator(each, "s")
        assert run(coordinator, clock)["unet", "trial"] == 20
        assert coordinator.snapshot().messages == []
        found.append([trial.params for trial in coordinator.searches["unet"].trials.all()])
    assert found[0] == found[1]
    assert budgeted(None).study == budgeted({"cpu_hours": 1e6}).study
