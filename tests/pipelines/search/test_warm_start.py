"""A warm-started search on a real Optuna database: which trials it suggests, and when it stops."""

from typing import Any

import pytest
from optuna.trial import TrialState, create_trial

from pipelines.config import Experiment
from pipelines.search import database
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.memory import RUNGS, Trial
from pipelines.search.trials import TrialStore, search_name
from pipelines.search.warm_start import FROM_MEMORY, add_memory, stored_memory, trial_of

from .steps import end, take

EARLIER = [
    Trial({"learning_rate": rate, "batch_size": 16}, (score,) * RUNGS)
    for rate, score in ((2e-4, 0.1), (1e-3, 0.3), (5e-3, 0.2))
]
BEST = 1e-3


@pytest.fixture
def warm(experiment: Experiment, changed: Any) -> Experiment:
    """The experiment with a stored memory, and pruning that ends no trial by itself."""
    given: Experiment = changed(
        experiment, search={"warm_start": "auto", "trials": 8, "pruner": "halving"}
    )
    remember(given, EARLIER)
    return given


def remember(experiment: Experiment, trials: list[Trial]) -> None:
    storage = database.open_storage(experiment.search_database)
    name = search_name(experiment.study, "unet")
    add_memory(TrialStore(name, storage, None).study, {"earlier": trials})


def rates(search: ArchitectureSearch) -> list[float]:
    """Return the learning rates of the trials that were started."""
    return [each.params["learning_rate"] for each in search.trials.started()]


def start(search: ArchitectureSearch, count: int) -> None:
    """Start trials, each with a worker of its own."""
    for number in range(count):
        take(search, f"{search.session}/worker-{len(search.trials.started())}-{number}")


def test_what_was_stored_is_read_as_it_was(warm: Experiment, open_search: Any):
    assert stored_memory(open_search(warm).trials.study) == {"earlier": EARLIER}


def test_the_best_earlier_settings_are_tried_between_those_of_the_sampler(
    warm: Experiment, open_search: Any, changed: Any, second_storage: Any
):
    search = open_search(warm)
    start(search, 4)
    of_memory = [FROM_MEMORY in each.user_attrs for each in search.trials.started()]
    assert of_memory == [False, True, False, True]
    assert all(BEST / 2 < rate < BEST * 2 for rate in rates(search)[1::2])
    cold = open_search(second_storage(changed(warm, search={"warm_start": None})))
    start(cold, 2)
    assert rates(search)[::2] == rates(cold)  # the sampler draws what it would draw alone


def test_a_restarted_search_suggests_the_same(
    warm: Experiment, open_search: Any, second_storage: Any
):
    search = open_search(warm)
    start(search, 4)
    again = second_storage(warm)
    remember(again, EARLIER)
    for _ in range(4):
        killed = open_search(again, session="s")
        # It dies after settings were queued and before a worker has them.
        killed.suggester.warm_start.enqueue_next((8, 16, 32))
        restarted = open_search(again, session="s")
        start(restarted, 1)
    assert rates(restarted) == rates(search)


def report_two(search: ArchitectureSearch, own: float, earlier: float, epochs: int) -> list[str]:
    """Start a trial of the sampler's and one with earlier settings; return what the latter gets."""
    first, second = (take(search, f"{search.session}/w{number}") for number in (1, 2))
    directives = []
    for epoch in range(1, epochs + 1):
        search.report(f"{search.session}/w1", first.key, epoch, own)
        directives.append(search.report(f"{search.session}/w2", second.key, epoch, earlier))
    return directives


def test_wrong_earlier_settings_are_pruned_after_the_grace_and_no_longer_tried(
    warm: Experiment, open_search: Any
):
    search = open_search(warm)
    assert search.suggester.messages() == []
    assert report_two(search, 0.6, 0.1, 3) == ["continue", "continue", "prune"]
    (message,) = search.suggester.messages()
    assert message == (
        "unet: the trials of earlier are not ordered as those of this search: they are not used"
    )
    start(search, 4)
    assert sum(FROM_MEMORY in each.user_attrs for each in search.trials.started()) == 1


def test_earlier_settings_that_are_right_go_on(warm: Experiment, open_search: Any):
    search = open_search(warm)
    assert report_two(search, 0.1, 0.6, 3)[-1] == "continue"
    assert search.suggester.messages() == []


def test_without_pruning_no_trial_is_pruned(warm: Experiment, open_search: Any, changed: Any):
    given = changed(warm, search={"pruner": "none"})
    remember(given, EARLIER)
    assert report_two(open_search(given), 0.6, 0.1, 4)[-1] == "continue"


def test_a_batch_size_that_ran_out_of_memory_is_not_tried(warm: Experiment, open_search: Any):
    search = open_search(warm)
    first = take(search)
    search.trials.note_out_of_memory(search.trials.find(first.key.number), 16)
    end(search, first.key, None)
    start(search, 3)
    assert not any(FROM_MEMORY in each.user_attrs for each in search.trials.started())


def test_a_complete_trial_has_reached_every_rung_even_if_it_stopped_early():
    # Of 32 epochs the rungs end at 1, 2, 4, 8, 16 and 32.
    values = {1: 0.3, 2: 0.4, 3: 0.2}
    stopped = create_trial(value=0.4, intermediate_values=values)
    assert trial_of(stopped, 32).scores == (0.3, 0.4, 0.4, 0.4, 0.4, 0.4)
    pruned = create_trial(state=TrialState.PRUNED, intermediate_values=values)
    assert trial_of(pruned, 32).scores == (0.3, 0.4)


def test_a_variant_learns_nothing(warm: Experiment, open_search: Any, changed: Any):
    given = changed(warm, variants={"narrow": {"of": "unet", "width": 0.05}})
    base = open_search(given)
    assert open_search(given, "narrow", base=base).suggester.messages() == []
