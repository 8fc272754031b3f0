"""`faceseg study` from an experiment's file to the comparison, and the same command again."""

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(1000),  # the first test waits for the whole study
]
ARCHITECTURES = ("unet", "segnet")
TABLES = ("comparison.csv", "comparison.md", "comparison.html")


def test_it_prints_the_table_and_the_paths_of_the_results(study_output: str, store: Any):
    assert store.experiment.study in study_output
    assert all(name in study_output for name in ARCHITECTURES)
    assert "report: results/tiny/comparison.html" in study_output
    assert re.search(r"^curves: \S*faceseg ui tiny.yaml$", study_output, re.MULTILINE)


def test_it_writes_only_the_results(folder: Path, store: Any):
    assert {path.name for path in folder.iterdir()} == {"tiny.yaml", "results"}
    checkpoints = store.experiment.storage / "checkpoints"
    assert [path for path in checkpoints.rglob("*") if path.is_file()] == []


def test_finals_retrain_the_best_settings(store: Any):
    for architecture in ARCHITECTURES:
        trials = store.optuna_trials(architecture)
        complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
        best = max(complete, key=lambda trial: (trial.value, -trial.number))
        (final,) = store.runs(kind="final", architecture=architecture)
        assert float(final.data.params["learning_rate"]) == best.params["learning_rate"]
        assert int(final.data.params["batch_size"]) == best.params["batch_size"]


def test_each_final_is_a_version_and_the_aliases_are_set(store: Any):
    client = store.tracker.client
    versions = {
        each.run_id: str(each.version) for each in client.search_model_versions("name = 'faceseg'")
    }
    finals = {run.data.tags["faceseg.architecture"]: run for run in store.finals()}
    assert versions.keys() == {run.info.run_id for run in finals.values()}
    best = max(finals.values(), key=lambda run: run.data.metrics["best/val_iou"])
    aliases = client.get_registered_model("faceseg").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {
        **{f"best-{name}": versions[run.info.run_id] for name, run in finals.items()},
        "champion": versions[best.info.run_id],
    }


def test_the_comparison_is_in_the_results_and_on_the_study(store: Any, tmp_path: Path):
    (study,) = store.runs(kind="study")
    results = store.experiment.storage / "tiny"
    for name in TABLES:
        stored = store.tracker.fetch(study.info.run_id, name, tmp_path)
        assert stored.read_bytes() == (results / name).read_bytes()
    table = pd.read_csv(results / "comparison.csv")
    trials = dict(zip(table.architecture, table.trials, strict=True))
    assert trials == {**dict.fromkeys(ARCHITECTURES, 2), "segnet-narrow": 1, "ensemble": 0}
    for row in table.itertuples():
        (final,) = store.runs(kind="final", architecture=row.architecture)
        assert row.iou == pytest.approx(final.data.metrics["test/iou"])


def test_the_studys_run_has_no_metrics_that_mlflow_would_draw_as_curves(store: Any):
    (study,) = store.runs(kind="study")
    assert study.data.metrics == {}
    assert any(name.startswith("faceseg.seconds.") for name in study.data.tags)


def test_the_same_command_again_adds_nothing(store: Any, folder: Path, faceseg: Any):
    before = {run.info.run_id: store.points(run) for run in store.runs()}
    done = faceseg(folder, "study", "tiny.yaml")
    assert done.returncode == 0, done.stderr
    assert "is finished" in done.stdout
    assert {run.info.run_id: store.points(run) for run in store.runs()} == before
    assert {run.info.status for run in store.runs()} == {"FINISHED"}


def test_compare_rebuilds_the_table_from_mlflow_alone(store: Any, folder: Path, faceseg: Any):
    results = store.experiment.storage / "tiny"
    before = (results / "comparison.csv").read_bytes()
    shutil.rmtree(results)
    packs = store.experiment.storage / "packs"
    packs.rename(folder / "packs-away")
    done = faceseg(folder, "compare", "tiny.yaml")
    (folder / "packs-away").rename(packs)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in results.iterdir()} >= set(TABLES)
    assert (results / "comparison.csv").read_bytes() == before


@pytest.mark.nightly
def test_the_same_seed_elsewhere_gives_the_same_trials_and_scores(
    store: Any, open_store: Any, folder: Path, faceseg: Any, tmp_path: Path
):
    """One of the two architectures in another storage; its trials do not depend on the others."""
    alone = ("architectures.unet=null", "ensemble=false")
    overrides = [f"--set={each}" for each in (*alone, f"storage={tmp_path}")]
    done = faceseg(folder, "study", "tiny.yaml", *overrides)
    assert done.returncode == 0, done.stdout + done.stderr
    first = store.optuna_trials("segnet")
    second = open_store(tmp_path, *alone).optuna_trials("segnet")
    assert [trial.params for trial in first] == [trial.params for trial in second]
    assert [trial.values for trial in first] == [trial.values for trial in second]
    curves = [[trial.intermediate_values for trial in trials] for trials in (first, second)]
    assert curves[0] == curves[1]
