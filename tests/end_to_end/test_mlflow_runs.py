"""A study in MLflow: its runs, their curves and their files."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceseg.data.classes import LAPA
from faceseg.evaluation.records import EvaluationRecords
from faceseg.networks.saving import read_metadata
from pipelines.config import load

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(1000),  # the first test waits for the whole study
]
ARCHITECTURES = ("unet", "segnet")
SUITES = {"occ-v1": 9, "cor-v1": 6, "geo-v1": 7}  # conditions: clean, then kinds x severities
EPOCH = (
    *("train/loss", "val/loss", "val/iou", "val/dice", "val/recall"),
    *("learning_rate", "images_per_second"),
)
FINISHED_METRICS = (
    "best/val_iou",
    "best/epoch",
    "epochs",
    "seconds/training",
    "occlusion/mean_iou",
)
FINAL = (
    *("test/iou", "test/dice", "test/recall", "test/iou_small"),
    *("test/boundary_iou", "test/legacy_iou", "latency/p50_ms", "latency/p95_ms"),
    *("latency/threads", "model/parameters", "model/macs", "model/size_mb", "memory/peak_mb"),
)
FILES = {
    *("checkpoints/best.keras", "history.csv", "occlusion.csv", "confusion.npz"),
    *("experiment.yaml", "figures/predictions.png"),
}


def test_the_runs_are_a_study_with_its_trials_and_finals(store: Any):
    (study,) = store.runs(kind="study")
    jobs = store.jobs()
    (ensemble,) = store.runs(architecture="ensemble")
    assert len(store.runs()) == 2 + len(jobs)
    kinds = Counter(
        (run.data.tags["faceseg.kind"], run.data.tags["faceseg.architecture"]) for run in jobs
    )
    assert kinds == {
        **{("trial", name): 2 for name in ARCHITECTURES},
        **{("final", name): 1 for name in ARCHITECTURES},
        ("trial", "segnet-narrow"): 1,
        ("final", "segnet-narrow"): 1,
    }
    parents = {run.data.tags["mlflow.parentRunId"] for run in (ensemble, *jobs)}
    assert parents == {study.info.run_id}
    assert {run.info.status for run in (study, ensemble, *jobs)} == {"FINISHED"}
    assert len({run.data.tags["faceseg.seed"] for run in store.runs(kind="final")}) == 1


def test_the_tags_of_every_run_identify_it(store: Any):
    (study,) = store.runs(kind="study")
    for run in store.jobs():
        tags = run.data.tags
        assert tags["faceseg.study"] == store.experiment.study
        assert tags["faceseg.attempt"] == "1"
        assert tags["faceseg.state"] in ("complete", "pruned")
        assert tags["faceseg.commit"] == study.data.tags["faceseg.commit"]
        assert tags["faceseg.data"] == study.data.tags["faceseg.data"]
        assert tags["mlflow.note.content"].endswith(f"seed {tags['faceseg.seed']}.")
        (data,) = run.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("drawn", tags["faceseg.data"][:12])


def test_every_run_has_one_point_per_epoch_and_no_step_twice(store: Any):
    for run in store.jobs():
        found = store.points(run)
        epochs = list(range(1, int(run.data.metrics["epochs"]) + 1))
        for name in EPOCH:
            assert [step for step, _ in found[name]] == epochs, (run.info.run_name, name)
        for name, curve in found.items():
            steps = [step for step, _ in curve]
            assert len(steps) == len(set(steps)), (run.info.run_name, name)
            if name.startswith("val/"):  # a gap where a score is not defined
                assert set(steps) <= set(epochs)
        by_class = {name.removeprefix("val/iou/") for name in found if name.startswith("val/iou/")}
        assert {"skin", "hair"} <= by_class <= set(LAPA.names)


def test_a_variant_is_trained_at_the_best_settings(store: Any):
    (final,) = store.runs(kind="final", architecture="segnet")
    for run in store.runs(architecture="segnet-narrow"):
        assert run.data.tags["faceseg.variant_of"] == "segnet"
        for name in ("learning_rate", "batch_size"):
            assert run.data.params[name] == final.data.params[name]
        assert run.data.params["network.width"] == "0.05"


def test_the_ensemble_is_tested_like_a_final(store: Any):
    (ensemble,) = store.runs(kind="final", architecture="ensemble")
    assert set(FINAL) <= ensemble.data.metrics.keys()
    members = [store.runs(kind="final", architecture=name)[0] for name in ARCHITECTURES]
    assert {ensemble.data.params[f"members.{name}"] for name in ARCHITECTURES} == {
        run.info.run_id for run in members
    }
    for name in ("model/parameters", "model/macs"):
        alone = [run.data.metrics[name] for run in members]
        assert ensemble.data.metrics[name] == sum(alone)
    assert store.files(ensemble) >= {"confusion.npz", "occlusion.csv", "panel.npz"}


def test_only_finals_are_tested_under_corruption_and_geometry(store: Any):
    for run in store.runs(kind="final"):
        found = store.points(run)
        assert [step for step, _ in found["corruption/grey/iou"]] == [0, 100, 200, 300, 400, 500]
        assert [step for step, _ in found["geometry/resolution/iou"]] == [
            *(100, 150, 200, 300, 400, 600),
        ]
        if "test/precision" in run.data.metrics:  # otherwise it predicts no foreground
            assert "geometry/flip/iou_agreement" in found
        assert store.files(run) >= {"corruption.csv", "geometry.csv"}
    for run in store.runs(kind="trial"):
        assert not [name for name in run.data.metrics if name.startswith(("corr", "geom"))]


def test_every_run_ends_with_its_occlusion_curves(store: Any):
    for run in store.jobs():
        found = store.points(run)
        assert set(FINISHED_METRICS) <= found.keys()
        for suffix in ("", "_unoccluded"):
            square = [step for step, _ in found[f"occlusion/gray_square/iou{suffix}"]]
            assert square == [0, 5, 10, 20, 35, 50]
            band = [step for step, _ in found[f"occlusion/eye_band/iou{suffix}"]]
            assert len(band) == 4
        # A network that is not better than the mean label map has no retention.
        assert 0 < run.data.metrics.get("occlusion/retention", 1) < 2


def test_only_finals_are_tested_and_measured(store: Any):
    for run in store.runs(kind="final"):
        assert set(FINAL) <= run.data.metrics.keys()
        assert run.data.metrics["test/images"] == 6
    for run in store.runs(kind="trial"):
        assert not [name for name in run.data.metrics if name.startswith(("test/", "latency/"))]


def test_every_run_has_its_files(store: Any, tmp_path: Path):
    for run in store.jobs():
        run_id = run.info.run_id
        assert store.files(run) >= FILES
        own = tmp_path / run_id
        own.mkdir()
        history = pd.read_csv(store.tracker.fetch(run_id, "history.csv", own))
        curve = store.points(run)["val/iou"]
        assert history.epoch.tolist() == [step for step, _ in curve]
        np.testing.assert_allclose(history["val/iou"], [value for _, value in curve])
        classes, origin = read_metadata(store.tracker.fetch(run_id, "checkpoints/best.keras", own))
        assert classes == LAPA
        assert str(origin["trial"]) == run.data.tags["faceseg.trial"]
        records = EvaluationRecords.read(store.tracker.fetch(run_id, "confusion.npz", own))
        final = run.data.tags["faceseg.kind"] == "final"
        suites = Counter(condition.suite for condition in records.conditions)
        assert suites == (SUITES if final else {"occ-v1": SUITES["occ-v1"]})
        for condition in records.conditions:
            for counts in condition.counts.values():
                assert counts.shape == (3 if final else 2, 11, 11)


def test_the_stored_experiment_has_the_same_study(store: Any, tmp_path: Path):
    (study,) = store.runs(kind="study")
    again = load(store.tracker.fetch(study.info.run_id, "experiment.yaml", tmp_path))
    assert again.study == store.experiment.study
    assert store.files(study) >= {"experiment.yaml", "manifest.json"}


def test_optuna_and_mlflow_agree(store: Any):
    for architecture in ARCHITECTURES:
        trials = store.optuna_trials(architecture)
        assert len(trials) == 2
        for trial in trials:
            (run,) = store.runs(kind="trial", architecture=architecture, trial=str(trial.number))
            assert float(run.data.params["learning_rate"]) == trial.params["learning_rate"]
            assert int(run.data.params["batch_size"]) == trial.params["batch_size"]
            pruned = run.data.tags["faceseg.state"] == "pruned"
            assert trial.state.name == ("PRUNED" if pruned else "COMPLETE")
            assert pruned or trial.value == run.data.metrics["best/val_iou"]
