"""Which earlier studies warm-start a search: runs in MLflow, trials in the database of Optuna."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.search import database, earlier_studies
from pipelines.search.earlier_studies import sentences, store_memory, unlike
from pipelines.search.trials import search_name
from pipelines.search.warm_start import stored_memory
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run

Make = Callable[..., Experiment]


@pytest.fixture
def make(experiment: Experiment, changed: Any, tmp_path: Path) -> Make:
    """Return experiments of one architecture with other names; their stores are the test's own."""

    def made(name: str, search: dict[str, Any] | None = None, **sections: Any) -> Experiment:
        content = {"pspnet": None, "segnet": None} | sections.pop("architectures", {})
        given: Experiment = changed(
            experiment.model_copy(update={"name": f"{tmp_path.name}-{name}"}),
            architectures=content,
            search=search or {},
            **sections,
        )
        return given

    return made


@pytest.fixture
def ran(tracker: Tracker, experiment_id: str) -> Callable[..., str]:
    """Store a study in MLflow and its trials in Optuna's database; return its name."""

    def store(given: Experiment, rates: Sequence[float] = (2e-4, 1e-3, 5e-3)) -> str:
        run = open_run(tracker, experiment_id, "s", {"study": given.study, "kind": "study"})
        with tracker.files(run) as files:
            (files / "experiment.yaml").write_text(given.as_yaml(), encoding="utf-8")
        study = optuna.create_study(
            study_name=search_name(given.study, "unet"),
            storage=database.open_storage(given.search_database),
            direction="maximize",
        )
        space = given.search.space.distributions()
        for number, rate in enumerate(rates):
            study.add_trial(
                optuna.create_trial(
                    params={"learning_rate": rate, "batch_size": 8},
                    distributions={key: space[key] for key in ("learning_rate", "batch_size")},
                    value=0.1 * number,
                    intermediate_values={1: 0.05 * number, 6: 0.1 * number},
                )
            )
        return given.study

    return store


def memory(experiment: Experiment) -> dict[str, Any]:
    """Return what the search of unet has stored."""
    return dict(
        stored_memory(
            optuna.load_study(
                study_name=search_name(experiment.study, "unet"),
                storage=database.open_storage(experiment.search_database),
            )
        )
    )


def test_auto_takes_every_study_that_fits_the_newest_first(make: Make, ran: Any, tracker: Tracker):
    older, newer = ran(make("a")), ran(make("b", training={"epochs": 12}))
    ran(make("wider", architectures={"unet": {"width": 0.5}}))
    ran(make("other-space", {"space": {"dice_weight": {"low": 0.5, "high": 2}}}))
    given = make("new", {"warm_start": "auto"})
    assert store_memory(given, tracker) == {"unet": {newer: 3, older: 3}}
    stored = memory(given)
    assert list(stored) == [newer, older]
    best = stored[older][0]
    assert best.parameters == {"learning_rate": 5e-3, "batch_size": 8}
    assert best.scores == (0.1, 0.1, 0.1, 0.1, 0.1, 0.2)  # epochs 1 of 6, and 6


def test_trials_outside_the_space_are_left_out(make: Make, ran: Any, tracker: Tracker):
    study = ran(make("a"), (1e-3, 2e-3, 3e-3, 9e-3))
    rate = {"low": 1e-4, "high": 5e-3, "log": True}
    given = make("new", {"warm_start": "auto", "space": {"learning_rate": rate}})
    assert store_memory(given, tracker) == {"unet": {study: 3}}


def test_what_is_stored_stays_when_the_stores_change(make: Make, ran: Any, tracker: Tracker):
    older, given = ran(make("a")), make("new", {"warm_start": "auto"})
    first = store_memory(given, tracker)
    ran(make("b"))
    assert store_memory(given, tracker) == first == {"unet": {older: 3}}


def test_a_study_is_named_by_its_own_or_its_experiments_name(
    make: Make, ran: Any, tracker: Tracker, tmp_path: Path
):
    first, second = ran(make("a")), ran(make("a", training={"epochs": 12}))
    ran(make("b"))
    assert store_memory(make("new", {"warm_start": first}), tracker) == {"unet": {first: 3}}
    by_experiment = make("new", {"warm_start": f"{tmp_path.name}-a"})
    assert store_memory(by_experiment, tracker) == {"unet": {second: 3, first: 3}}


def test_without_a_study_that_fits_auto_starts_alone(make: Make, ran: Any, tracker: Tracker):
    ran(make("a"), (1e-3, 2e-3))  # two trials have no order
    given = make("new", {"warm_start": "auto"})
    sources = store_memory(given, tracker)
    assert sources == {"unet": {}}
    assert memory(given) == {}
    assert sentences(sources) == [
        "unet: no earlier study with the same options and tuned settings was found; its search "
        "starts without one"
    ]
    assert sentences({"unet": {"a-1": 20, "b-2": 3}}) == [
        "unet: its search is warm-started from 20 trials of a-1 and 3 trials of b-2"
    ]


def test_a_named_study_that_does_not_exist_is_an_error(make: Make, ran: Any, tracker: Tracker):
    known = ran(make("a"))
    given = make("new", {"warm_start": "lost"})
    with pytest.raises(UserError, match=rf"has no study 'lost'; expected 'auto'.*newest: {known}"):
        store_memory(given, tracker)
    assert search_name(given.study, "unet") not in optuna.get_all_study_names(
        database.open_storage(given.search_database)
    )


def test_a_named_study_that_is_of_no_use_is_an_error_with_the_reason(
    make: Make, ran: Any, tracker: Tracker
):
    study = ran(make("a"), (2e-4, 3e-4, 4e-4))
    rate = {"low": 1e-3, "high": 1e-2, "log": True}
    given = make("new", {"warm_start": study, "space": {"learning_rate": rate}})
    with pytest.raises(
        UserError, match=f"of no use.*{study}: it has 0 trials of unet inside search.space"
    ):
        store_memory(given, tracker)


@pytest.mark.parametrize(
    ("earlier", "reason"),
    [
        ({}, ""),
        ({"training": {"epochs": 12}}, ""),
        ({"architectures": {"unet": {"width": 0.5}}}, "its unet has other options"),
        ({"architectures": {"unet": None, "segnet": {}}}, "it has no unet"),
        (
            {"search": {"space": {"weight_decay": {"low": 0, "high": 1}}}},
            "it tuned learning_rate, batch_size, weight_decay, and this search tunes "
            "learning_rate, batch_size",
        ),
        ({"search": {"space": {"learning_rate": {"low": 1e-5, "high": 1e-4}}}}, ""),
    ],
)
def test_studies_of_the_same_options_and_tuned_settings_are_alike(
    make: Make, earlier: dict[str, Any], reason: str
):
    assert unlike(make("new"), make("a", **earlier), "unet") == reason


def test_many_trials_are_thinned_and_the_best_stays(
    make: Make, ran: Any, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(earlier_studies, "MAX_TRIALS", 3)
    ran(make("a"), [1e-3 * (1 + number / 10) for number in range(9)])
    given = make("new", {"warm_start": "auto"})
    store_memory(given, tracker)
    (trials,) = memory(given).values()
    assert [round(each.scores[-1], 1) for each in trials] == [0.8, 0.4, 0.0]
