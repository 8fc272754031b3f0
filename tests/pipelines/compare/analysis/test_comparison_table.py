"""The comparison table of a synthetic study, with values worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from pipelines.compare.analysis.comparison_table import build_table


def rows(study):
    return build_table(study, 500).set_index("architecture")


def change(study, name, seed, **changes):
    """Return the study with some fields of one final run changed."""
    models = []
    for each in study.models:
        finals = list(each.finals)
        if each.name == name:
            finals[seed] = replace(finals[seed], **changes)
        models.append(replace(each, finals=tuple(finals)))
    return replace(study, models=tuple(models))


def without(study, name, seed, *metrics):
    """Return the study with some metrics of one final run removed."""
    final = next(each for each in study.models if each.name == name).finals[seed]
    others = {key: value for key, value in final.metrics.items() if key not in metrics}
    return change(study, name, seed, metrics=others)


def test_a_study_on_the_cpu_has_no_columns_of_a_gpu(study):
    assert not [name for name in build_table(study, 500) if "gpu" in name]


def test_the_jawline_is_a_column_where_it_was_measured(study):
    assert "jawline_distance" not in rows(study)
    for seed in range(2):
        final = next(each for each in study.models if each.name == "unet").finals[seed]
        metrics = {**final.metrics, "test/jawline_distance": 2.0 + seed}
        study = change(study, "unet", seed, metrics=metrics)
    found = rows(study)
    assert found.loc["unet", "jawline_distance"] == 2.5
    assert np.isnan(found.loc["pspnet", "jawline_distance"])


def test_finals_measured_on_a_gpu_have_its_columns(study):
    for name in ("unet", "segnet"):
        for seed in range(2):
            final = next(each for each in study.models if each.name == name).finals[seed]
            measured = {"latency/gpu_p50_ms": 1.0 + seed, "memory/gpu_peak_mb": 600.0}
            study = change(study, name, seed, metrics={**final.metrics, **measured})
    found = rows(study)
    assert found.loc["unet", "latency_gpu_p50_ms"] == 1.5
    assert found.loc["unet", "memory_gpu_peak_mb_sd"] == 0
    assert np.isnan(found.loc["pspnet", "latency_gpu_p50_ms"])  # its measurement failed
    assert "throughput_gpu_images_per_second" not in found


def test_the_best_comes_first(study):
    assert list(build_table(study, 500)["architecture"]) == ["segnet", "unet", "pspnet"]


def test_means_and_deviations_over_seeds(study):
    # unet scored 0.5 and 0.6: mean 0.55, deviation sqrt(2 * 0.05**2 / (2 - 1)).
    row = rows(study).loc["unet"]
    assert row["iou"] == pytest.approx(0.55)
    assert row["iou_sd"] == pytest.approx(0.0025**0.5 * 2**0.5)
    assert row["occluded_iou"] == pytest.approx(0.8 * 0.55)
    assert row["train_seconds"] == 70.0  # 60 and 80


def test_one_seed_has_no_deviation(study):
    single = replace(
        study,
        models=tuple(replace(each, finals=each.finals[:1]) for each in study.models),
    )
    assert rows(single)["iou_sd"].isna().all()
    assert rows(single).loc["unet", "iou"] == 0.50


def test_trials_are_counted_by_their_state(study):
    row = rows(study).loc["pspnet"]
    assert (row["trials"], row["trials_pruned"], row["trials_failed"]) == (6, 2, 1)


def recounted(study, counts):
    """Return the records of the first final run with other confusion matrices."""
    records = study.models[0].finals[0].records
    return replace(records, tested=replace(records.tested, counts=counts))


def test_intervals_are_in_the_order_of_the_predictions(study):
    table = rows(study)
    assert (table["iou_low"] < table["iou_high"]).all()
    for better, worse in (("segnet", "unet"), ("unet", "pspnet")):
        assert table.loc[better, "iou_low"] > table.loc[worse, "iou_high"]


def test_identical_images_give_an_interval_of_length_zero(study):
    # Skin: 4 of 8 pixels are correct, IoU 1/2; both eyes 1; no hat. Mean (1/2 + 1 + 1) / 3.
    counts = np.diag([8, 4, 1, 1, 0])
    counts[1, 0] = 4
    alike = np.repeat(counts[None], 6, axis=0)
    for seed in (0, 1):
        study = change(study, "unet", seed, records=recounted(study, alike))
    row = rows(study).loc["unet"]
    assert row["iou_low"] == pytest.approx(2.5 / 3)
    assert row["iou_high"] == pytest.approx(2.5 / 3)


def test_a_missing_score_is_named_with_its_run(study):
    broken = without(study, "unet", 1, "test/boundary_iou", "latency/p50_ms")
    with pytest.raises(UserError, match=r"test/boundary_iou, latency/p50_ms of unet \(run unet-1"):
        build_table(broken)


def test_a_score_that_is_nan_is_missing(study):
    metrics = {**study.models[0].finals[0].metrics, "test/dice": float("nan")}
    with pytest.raises(UserError, match="test/dice of unet"):
        build_table(change(study, "unet", 0, metrics=metrics))


def test_a_missing_setting_or_curve_is_named(study):
    final = study.models[0].finals[0]
    params = {key: value for key, value in final.params.items() if key != "batch_size"}
    history = final.history.drop(columns="val/loss")
    with pytest.raises(UserError, match="batch_size, the curve val/loss of unet"):
        build_table(change(study, "unet", 0, params=params, history=history))


def test_a_class_of_the_test_split_must_have_a_score(study):
    with pytest.raises(UserError, match="test/iou/left_eye of unet"):
        build_table(without(study, "unet", 0, "test/iou/left_eye"))


def test_a_class_that_no_test_image_shows_has_no_score(study):
    assert rows(study)["iou/hat"].isna().all()


def test_a_network_that_predicts_background_has_no_precision_and_no_retention(study):
    for seed in (0, 1):
        final = study.models[1].finals[seed]
        counts = np.zeros_like(final.tested.counts)
        counts[:, :, 0] = final.tested.counts.sum(axis=2)
        undefined = [key for key in final.metrics if key.endswith(("retention", "precision"))]
        study = without(study, "pspnet", seed, *undefined)
        study = change(
            study,
            "pspnet",
            seed,
            records=recounted(study, counts),
            rows={"occlusion": final.rows["occlusion"].assign(iou=0.0)},
        )
    row = rows(study).loc["pspnet"]
    assert row[["precision", "retention", "retention/blob", "legacy_precision"]].isna().all()
    assert (row["iou_low"], row["iou_high"]) == (0.0, 0.0)
