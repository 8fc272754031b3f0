"""A study around its search: closing runs, a spent budget, and changes that prevent resuming."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.config.costs import Budget, Prices
from pipelines.config.distillation import Distil
from pipelines.job.context import StudyContext
from pipelines.job.job import EnsembleMember
from pipelines.search.leases import study_lock
from pipelines.studies import recovery, resuming, study
from pipelines.studies.budget import budget
from pipelines.studies.cleanup import close_runs_on_error, fail_lost_runs
from pipelines.studies.failed_finals import failed_finals
from pipelines.tracking import Status, Tracker
from tests.pipelines.mlflow_runs import open_run

from .stored_study import NOTHING, is_finished, statuses, study_run


def test_a_study_without_occlusion_is_refused_before_it_trains(tmp_path: Path):
    settings = {"name": "bare", "storage": tmp_path / "results", "robustness": {"kinds": []}}
    with pytest.raises(UserError, match=r"robustness\.kinds is empty.*name at least one kind: "):
        study.run(Experiment.model_validate(settings), Console(quiet=True))


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "KILLED"), (ValueError("broken"), "FAILED")]
)
def test_running_runs_are_closed_when_the_study_stops(
    context: StudyContext, error: BaseException, status: str
):
    with (
        pytest.raises(type(error)),
        close_runs_on_error(context),
    ):
        raise error
    assert statuses(context) == {
        "study": status,
        "running": status,
        "ended": "FINISHED",
        "another's": "RUNNING",
    }


def test_nothing_is_closed_without_an_error(context: StudyContext):
    before = statuses(context)
    with close_runs_on_error(context):
        pass
    assert statuses(context) == before


def test_the_run_of_a_lost_trial_is_closed(context: StudyContext):
    fail_lost_runs(context)
    assert statuses(context) == {
        "study": "RUNNING",
        "running": "FAILED",
        "ended": "FINISHED",
        "another's": "RUNNING",
    }
    (lost,) = context.tracker.find_runs(context.experiment_id, state="failed")
    assert lost.data.tags["faceseg.reason"] == "given up: its worker died"


def test_a_study_is_finished_when_it_has_spent_the_present_budget(context: StudyContext):
    assert not is_finished(context)
    context.tracker.set_tags(context.study_run, done=budget(context.experiment))
    assert is_finished(context)
    more = context.experiment.search.model_copy(update={"trials": 50})
    extended = context.experiment.model_copy(update={"search": more})
    assert budget(extended) == "50 trials, 3 finals"
    assert not is_finished(replace(context, experiment=extended))
    fewer = context.experiment.search.model_copy(update={"trials": 1})
    smaller = context.experiment.model_copy(update={"search": fewer})
    assert is_finished(replace(context, experiment=smaller))
    with_ensemble = context.experiment.model_copy(update={"ensemble": True})
    assert not is_finished(replace(context, experiment=with_ensemble))
    finals = context.experiment.finals.model_copy(update={"mirrored": True})
    mirrored = context.experiment.model_copy(update={"finals": finals})
    assert not is_finished(replace(context, experiment=mirrored))
    context.tracker.set_tags(context.study_run, done=budget(mirrored))
    assert is_finished(replace(context, experiment=mirrored))
    assert is_finished(context)


def with_cost(context: StudyContext, **budget: float) -> StudyContext:
    """Return the study with this `search.budget`; without any, with none."""
    limits = Budget(**budget) if budget else None
    search = context.experiment.search.model_copy(update={"budget": limits})
    return replace(context, experiment=context.experiment.model_copy(update={"search": search}))


def test_a_study_that_its_cost_may_have_ended_goes_on_with_another_budget(context: StudyContext):
    limited = with_cost(context, cpu_hours=8)
    context.tracker.set_tags(context.study_run, done=budget(limited.experiment))
    assert is_finished(limited)
    assert not is_finished(with_cost(context, cpu_hours=9))
    assert not is_finished(with_cost(context, cpu_hours=8, money=5))
    assert not is_finished(context)  # without a limit, the other trials are run
    context.tracker.set_tags(context.study_run, done=budget(context.experiment))
    assert is_finished(limited)  # all trials have ended


def test_prices_are_terms_of_a_budget_of_money_alone(context: StudyContext):
    priced = context.experiment.resources.model_copy(update={"prices": Prices(kwh=0.3)})
    paid = replace(context, experiment=context.experiment.model_copy(update={"resources": priced}))
    limited = with_cost(paid, kwh=3, money=5)
    context.tracker.set_tags(context.study_run, done=budget(limited.experiment))
    assert is_finished(limited)
    assert not is_finished(with_cost(paid, kwh=30, money=5))
    assert not is_finished(with_cost(context, kwh=3, money=5))
    context.tracker.set_tags(context.study_run, done=budget(with_cost(paid, kwh=3).experiment))
    assert is_finished(with_cost(context, kwh=3))


def test_a_finished_study_gains_a_subset_by_running_again(context: StudyContext):
    """The tag is that of a study with `ensemble: true`, as earlier versions write it."""
    done = f"{budget(context.experiment)}, ensemble, mirrored"
    context.tracker.set_tags(context.study_run, done=done)
    for ensemble, finished in (
        (True, True),
        ((("unet", "pspnet", "segnet"),), True),
        ((("unet", "pspnet", "segnet"), ("unet", "pspnet")), False),
        ((("unet", "pspnet"),), False),
    ):
        changed = context.experiment.model_copy(update={"ensemble": ensemble})
        assert is_finished(replace(context, experiment=changed)) is finished
    context.tracker.set_tags(context.study_run, done=budget(changed))
    assert is_finished(replace(context, experiment=changed))


@pytest.fixture
def failed_final(context: StudyContext) -> str:
    """A final of the winner that failed for a reason outside of its settings: its run's id."""
    context.tracker.set_tags(context.study_run, **{"winner.unet": "aa"})
    identity = {"study": context.experiment.study, "kind": "final", "architecture": "unet"}
    for name, trial, winner in (("unet-final-001", "1", "aa"), ("of-another-winner", "0", "bb")):
        run_id = open_run(
            context.tracker,
            context.experiment_id,
            name,
            {**identity, "trial": trial, "winner": winner},
            "A final.",
        )
        context.tracker.set_tags(run_id, state="failed", reason="out of memory at batch size 8")
        context.tracker.end(run_id, "FAILED")
    (found,) = context.tracker.find_runs(context.experiment_id, winner="aa")
    return str(found.info.run_id)


def test_a_study_of_an_earlier_version_with_a_failed_final_is_not_finished(
    context: StudyContext, failed_final: str
):
    """It was recorded as done; the same command tries the final again."""
    context.tracker.set_tags(context.study_run, done=budget(context.experiment))
    assert not is_finished(context)
    finals = context.experiment.finals.model_copy(update={"seeds": 1})
    assert failed_finals(context, study_run(context)) == {
        "unet-final-001": "out of memory at batch size 8"
    }
    fewer = context.experiment.model_copy(update={"finals": finals})
    assert failed_finals(replace(context, experiment=fewer), study_run(context)) == {}
    context.tracker.set_tags(failed_final, own_fault=True)  # its loss is not finite
    assert is_finished(context)


def test_a_study_with_a_failed_final_builds_its_table_and_ends_with_an_error(
    context: StudyContext,
    opened: Experiment,
    failed_final: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """After the final is complete, the same command builds the table again and is finished."""
    built: list[Path] = []
    context.tracker.set_tags(context.study_run, data="abc")
    monkeypatch.setattr(study, "_log_settings", lambda context: None)
    monkeypatch.setattr(study, "prepare", lambda *_: (context.packs, NOTHING))
    monkeypatch.setattr(study, "search_and_finals", lambda *_: None)
    monkeypatch.setattr(
        study.comparison, "compare_study", lambda *arguments: built.append(arguments[2])
    )
    with pytest.raises(UserError) as raised:
        study._run(opened, Console(quiet=True))
    words = str(raised.value)
    assert "has lost 1 of its finals. unet-final-001: out of memory at batch size 8" in words
    assert f"table in {built[0]} lacks them" in words
    assert "re-run the same command" in words
    run = study_run(context)
    assert (run.info.status, run.data.tags.get("faceseg.done")) == ("FAILED", None)
    context.tracker.set_tags(failed_final, state="complete")
    assert study._run(opened, Console(quiet=True)) == built[1] == built[0]
    assert is_finished(context)


def test_a_second_driver_is_refused_before_it_changes_anything(context: StudyContext):
    before = statuses(context)
    with (
        study_lock(context.experiment),
        pytest.raises(UserError, match=f"is already being run by process {os.getpid()}"),
    ):
        study.run(context.experiment, Console(quiet=True))
    assert statuses(context) == before
    assert not (context.experiment.storage / "packs").exists()


def refuse_images(context: StudyContext) -> None:
    context.tracker.set_tags(context.study_run, data="xyz")


def refuse_backend(context: StudyContext) -> None:
    context.tracker.set_tags(context.study_run, data="abc", backend="another")


def refuse_masks(context: StudyContext) -> None:
    context.tracker.set_tags(context.study_run, data="abc", occlusion_masks="b" * 64)


REFUSALS = {
    "fingerprint xyz; the present images have abc": refuse_images,
    "on another; this process runs on": refuse_backend,
    "checksum is b{12}; this version draws a{12}": refuse_masks,
}


@pytest.fixture
def opened(context: StudyContext, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The study's experiment, with its run in the MLflow experiment where the study looks."""
    monkeypatch.setattr(resuming, "mask_checksum", lambda context, threads: "a" * 64)
    monkeypatch.setattr(Tracker, "experiment", lambda *_: context.experiment_id)
    monkeypatch.setattr(
        recovery, "recover_finals", lambda *_, finished: ([], finished)
    )  # it has no finals
    tracking = context.experiment.tracking.model_copy(update={"uri": context.tracker.uri})
    return context.experiment.model_copy(update={"tracking": tracking})


@pytest.mark.parametrize("status", ["FINISHED", "KILLED", "FAILED"])
@pytest.mark.parametrize("words", REFUSALS)
def test_a_refusal_changes_nothing_of_the_study(
    context: StudyContext, opened: Experiment, words: str, status: Status
):
    REFUSALS[words](context)
    context.tracker.end(context.study_run, status, at=1000)
    before = study_run(context).to_dictionary()
    with pytest.raises(UserError, match=words):
        study.open_study(opened, context.packs, NOTHING, Console(quiet=True))
    assert study_run(context).to_dictionary() == before


def test_a_teacher_that_was_not_judged_is_asked_for_before_anything_changes(
    context: StudyContext, opened: Experiment
):
    before = study_run(context).to_dictionary()
    taught = opened.model_copy(update={"distil": Distil(student="unet", teacher="mine.judged")})
    command = "faceseg judge FILE --classes MAP.yaml --data EXPERIMENT --name mine"
    with pytest.raises(UserError, match=f"no network mine.judged was judged.*{command}"):
        study.open_study(taught, context.packs, NOTHING, Console(quiet=True))
    assert study_run(context).to_dictionary() == before


def test_a_finished_study_is_unfinished_when_another_file_is_judged_under_its_teachers_name(
    context: StudyContext,
):
    distil = Distil(student="unet", teacher="mine.judged")
    experiment = context.experiment.model_copy(update={"distil": distil})
    first, second = (EnsembleMember("mine.judged", each) for each in ("aaaa1111", "bbbb2222"))
    context.tracker.set_tags(context.study_run, done=budget(experiment, first))
    for judged, finished in ((first, True), (second, False)):
        assert (
            is_finished(replace(context, experiment=experiment, judged_teacher=judged)) == finished
        )


@pytest.mark.parametrize("words", list(REFUSALS)[:2])
def test_a_refusal_leaves_a_finished_study_finished(
    context: StudyContext, opened: Experiment, words: str
):
    REFUSALS[words](context)
    context.tracker.set_tags(context.study_run, done=budget(opened))
    context.tracker.end(context.study_run, "FINISHED", at=1000)
    before = study_run(context).to_dictionary()
    with pytest.raises(UserError, match=words):
        study.open_study(opened, context.packs, NOTHING, Console(quiet=True))
    assert study_run(context).to_dictionary() == before


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_opening_a_finished_study_leaves_or_makes_it_finished(
    context: StudyContext, opened: Experiment, status: Status
):
    """Earlier versions marked a finished study as failed when its images had changed."""
    context.tracker.set_tags(context.study_run, data="abc", done=budget(opened))
    context.tracker.end(context.study_run, status, at=1000)
    _, finished = study.open_study(opened, context.packs, NOTHING, Console(quiet=True))
    assert finished
    run = study_run(context)
    assert run.info.status == "FINISHED"
    assert (run.info.end_time == 1_000_000) == (status == "FINISHED")


def test_an_unfinished_study_is_opened_with_its_conditions(
    context: StudyContext, opened: Experiment, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study, "_log_settings", lambda context: None)
    context.tracker.end(context.study_run, "KILLED")
    study.open_study(opened, context.packs, NOTHING, Console(quiet=True))
    run = study_run(context)
    assert run.info.status == "RUNNING"
    tags = {name: run.data.tags[f"faceseg.{name}"] for name in ("data", "occlusion_masks")}
    assert tags == {"data": "abc", "occlusion_masks": "a" * 64}
    study.open_study(opened, context.packs, NOTHING, Console(quiet=True))  # the same conditions
