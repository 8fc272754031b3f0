from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from pipelines.compare.analysis.comparison_table import build_table


def rows(record):
    return build_table(record, 500).set_index("architecture")


def change(record, name, seed, **changes):
    """Return the study with some fields of one final changed."""
    contenders = []
    for each in record.models:
        finals = list(each.finals)
        if each.name == name:
            finals[seed] = replace(finals[seed], **changes)
        contenders.append(replace(each, finals=tuple(finals)))
    return replace(record, contenders=tuple(contenders))


def without(record, name, seed, *metrics):
    final = next(each for each in record.models if each.name == name).finals[seed]
    kept = {key: value for key, value in final.metrics.items() if key not in metrics}
    return change(record, name, seed, metrics=kept)


def test_the_best_comes_first(record):
    assert list(build_table(record, 500)["architecture"]) == ["segnet", "unet", "pspnet"]


def test_means_and_deviations_over_seeds(record):
    # unet scored 0.5 and 0.6: mean 0.55, deviation sqrt(2 * 0.05**2 / (2 - 1)).
    row = rows(record).loc["unet"]
    assert row["iou"] == pytest.approx(0.55)
    assert row["iou_sd"] == pytest.approx(0.0025**0.5 * 2**0.5)
    assert row["occluded_iou"] == pytest.approx(0.8 * 0.55)
    assert row["train_seconds"] == 70.0  # 60 and 80


def test_one_seed_has_no_deviation(record):
    single = replace(
        record,
        contenders=tuple(replace(each, finals=each.finals[:1]) for each in record.models),
    )
    assert rows(single)["iou_sd"].isna().all()
    assert rows(single).loc["unet", "iou"] == 0.50


def test_trials_are_counted_by_their_end(record):
    row = rows(record).loc["pspnet"]
    assert (row["trials"], row["trials_pruned"], row["trials_failed"]) == (6, 2, 1)


def recounted(record, counts):
    records = record.models[0].finals[0].records
    return replace(records, tested=replace(records.tested, counts=counts))


def test_intervals_stand_in_the_order_of_the_predictions(record):
    table = rows(record)
    assert (table["iou_low"] < table["iou_high"]).all()
    for better, worse in (("segnet", "unet"), ("unet", "pspnet")):
        assert table.loc[better, "iou_low"] > table.loc[worse, "iou_high"]


def test_images_that_are_all_alike_leave_no_interval(record):
    # Skin: 4 of 8 pixels hit, IoU 1/2; the eyes are whole; no hat. Mean (1/2 + 1 + 1) / 3.
    counts = np.diag([8, 4, 1, 1, 0])
    counts[1, 0] = 4
    alike = np.repeat(counts[None], 6, axis=0)
    for seed in (0, 1):
        record = change(record, "unet", seed, records=recounted(record, alike))
    row = rows(record).loc["unet"]
    assert row["iou_low"] == pytest.approx(2.5 / 3)
    assert row["iou_high"] == pytest.approx(2.5 / 3)


def test_a_missing_score_is_named_with_its_run(record):
    broken = without(record, "unet", 1, "test/boundary_iou", "latency/p50_ms")
    with pytest.raises(UserError, match=r"test/boundary_iou, latency/p50_ms of unet \(run unet-1"):
        build_table(broken)


def test_a_score_that_is_nan_is_missing_too(record):
    metrics = {**record.models[0].finals[0].metrics, "test/dice": float("nan")}
    with pytest.raises(UserError, match="test/dice of unet"):
        build_table(change(record, "unet", 0, metrics=metrics))


def test_a_missing_setting_or_curve_is_named(record):
    final = record.models[0].finals[0]
    params = {key: value for key, value in final.params.items() if key != "batch_size"}
    history = final.history.drop(columns="val/loss")
    with pytest.raises(UserError, match="batch_size, the curve val/loss of unet"):
        build_table(change(record, "unet", 0, params=params, history=history))


def test_a_class_of_the_test_split_may_not_lack_its_score(record):
    with pytest.raises(UserError, match="test/iou/left_eye of unet"):
        build_table(without(record, "unet", 0, "test/iou/left_eye"))


def test_a_class_that_no_test_image_shows_has_no_score(record):
    assert rows(record)["iou/hat"].isna().all()


def test_a_network_that_finds_nothing_has_no_precision_and_nothing_to_keep(record):
    for seed in (0, 1):
        final = record.models[1].finals[seed]
        counts = np.zeros_like(final.tested.counts)
        counts[:, :, 0] = final.tested.counts.sum(axis=2)
        undefined = [key for key in final.metrics if key.endswith(("retention", "precision"))]
        record = without(record, "pspnet", seed, *undefined)
        record = change(
            record,
            "pspnet",
            seed,
            records=recounted(record, counts),
            rows={"occlusion": final.rows["occlusion"].assign(iou=0.0)},
        )
    row = rows(record).loc["pspnet"]
    assert row[["precision", "retention", "retention/blob", "legacy_precision"]].isna().all()
    assert (row["iou_low"], row["iou_high"]) == (0.0, 0.0)
