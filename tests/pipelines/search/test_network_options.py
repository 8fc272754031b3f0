"""Searches of a network's width: what trials and finals train, and how finals are named."""

from typing import Any

from pipelines.config import Experiment

from .steps import finish_finals, finish_search, take, winner_digest


def test_finals_have_the_width_of_the_winner(
    experiment: Experiment, open_search: Any, changed: Any
):
    widths = [{"width": 0.5}, {"width": 0.25}, {"width": 1.0}]
    space = {"width": {"choices": [0.25, 0.5, 1]}}
    search = open_search(changed(experiment, search={"space": space, "first": widths}))
    trials = finish_search(search, 0.1, 0.3, 0.2)
    assert [dict(job.network) for job in trials] == widths
    finals = finish_finals(search)
    assert [dict(job.network) for job in finals] == [{"width": 0.25}] * 2


def test_winners_that_differ_in_width_only_have_finals_of_their_own(
    experiment: Experiment, open_search: Any, changed: Any, second_storage: Any
):
    digests = []
    for opened, width in ((experiment, 0.25), (second_storage(experiment), 0.5)):
        first = [{"learning_rate": 0.001, "batch_size": 8, "width": width}]
        space = {"width": {"choices": [0.25, 0.5]}}
        search = open_search(changed(opened, search={"space": space, "first": first, "trials": 1}))
        finish_search(search, 0.1)
        digests.append((take(search).key.winner, winner_digest(search)))
    (one, settings), (other, same) = digests
    assert settings == same
    assert len({one, other, settings}) == 3


def test_without_a_tuned_option_finals_keep_the_names_of_earlier_versions(
    experiment: Experiment, open_search: Any
):
    search = open_search(experiment)
    finish_search(search, 0.1, 0.3, 0.2)
    job = take(search)
    assert (job.key.winner, job.network) == (winner_digest(search), {})
