"""The search of a variant: one trial at the winning settings of its base."""

from typing import Any

from pipelines.config import Experiment
from pipelines.job.job import JobKey

from .steps import end, finish_finals, finish_search, next_job, take


def test_a_variant_uses_the_winning_settings_of_its_base(
    experiment: Experiment, open_search: Any, changed: Any
):
    """Its search is one trial at these settings, started when the base's search is over."""
    given = changed(experiment, variants={"unet-narrow": {"of": "unet", "width": 0.05}})
    base = open_search(given)
    variant = open_search(given, "unet-narrow", base=base)
    assert next_job(variant) is None
    assert not variant.done()
    jobs = finish_search(base, 0.2, 0.6, 0.4)
    assert variant.suggester.budget() == 1
    trial = take(variant)
    assert trial.key == JobKey(kind="trial", architecture="unet-narrow", number=0)
    assert trial.settings.learning_rate == jobs[1].settings.learning_rate
    assert trial.settings.batch_size == jobs[1].settings.batch_size
    end(variant, trial.key, 0.3)
    finals, of_base = finish_finals(variant), finish_finals(base)
    assert [job.seed for job in finals] == [job.seed for job in of_base]
    assert finals[0].settings == of_base[0].settings
    assert variant.done()


def test_a_variant_of_an_architecture_without_a_winner_has_no_jobs(
    experiment: Experiment, open_search: Any, changed: Any
):
    given = changed(experiment, variants={"unet-narrow": {"of": "unet", "width": 0.05}})
    base = open_search(given)
    variant = open_search(given, "unet-narrow", base=base)
    finish_search(base, None, None, None)
    assert next_job(variant) is None
    assert variant.done()
