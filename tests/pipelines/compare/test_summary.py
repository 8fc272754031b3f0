from dataclasses import replace

import pytest

from pipelines.compare.summary import summary
from pipelines.compare.table import build_table


def told(record, **columns):
    """Return the summary, with some columns of the table set for segnet, unet, pspnet."""
    table = build_table(record).assign(**columns)
    return " ".join(summary(record, table))


def with_weights(record, name, weights):
    contenders = []
    for each in record.contenders:
        finals = each.finals
        if each.name == name:
            finals = tuple(
                replace(final, params={**final.params, "network.encoder_weights": weights})
                for final in finals
            )
        contenders.append(replace(each, finals=finals))
    return replace(record, contenders=tuple(contenders))


def test_a_best_whose_interval_stands_apart(record):
    text = told(record, iou_low=[0.7, 0.5, 0.1], iou_high=[0.8, 0.6, 0.3])
    assert "segnet has the best test IoU, 0.750 (95 % interval 0.700 to 0.800, 6 images)" in text
    assert "unet with 0.550 (0.500 to 0.600), lies below it without overlap" in text
    assert "not separated" not in text


def test_a_best_whose_interval_overlaps_is_not_separated(record):
    text = told(record, iou_low=[0.6, 0.5, 0.1], iou_high=[0.8, 0.6, 0.3])
    assert "the interval of unet overlaps it: not separated" in text
    text = told(record, iou_low=[0.6, 0.5, 0.1], iou_high=[0.8, 0.65, 0.7])
    assert "the interval of unet and pspnet overlap it: not separated" in text


def test_the_fastest_with_its_threads(record):
    assert "unet is the fastest: 4.0 ms an image (median, batch 1, 1 thread)" in told(record)


def test_the_steadiest_is_never_told_without_the_score(record):
    assert "segnet keeps most under occlusion, 80 % of its IoU on average, and scores" in told(
        record
    )
    text = told(record, retention=[0.6, 0.9, 0.5])
    assert "unet keeps most under occlusion, 90 %" in text
    assert "but segnet still scores higher there (0.600 against 0.440)" in text


def test_networks_that_learned_nothing_are_not_ranked_under_occlusion(record):
    text = told(record, iou=[0.03, 0.02, 0.01])
    assert "No network reaches an IoU of 0.1" in text
    assert "keeps most" not in text


def test_a_unet_from_scratch_below_segnet_is_explained_by_its_settings(record):
    text = told(record)
    assert "That unet ranks below segnet is no surprise here" in text
    assert "no pretrained encoder was given to it (encoder_weights: none)" in text
    assert "on a grid of 64 pixels its finest encoder features are 32 pixels wide" in text
    assert "segnet spends 8 times the multiply-adds" in text  # 8 M against 1 M


def test_only_reasons_that_hold_are_given(record):
    large = record.manifest.model_copy(update={"image_size": (256, 256)})
    text = told(replace(record, manifest=large), model_macs=[1e6, 1e6, 1e6])
    assert "is no surprise here: no pretrained encoder was given" in text
    assert "grid" not in text
    assert "multiply-adds" not in text


@pytest.mark.parametrize("weights", ["imagenet", "weights.h5"])
def test_a_pretrained_unet_below_segnet_is_not_explained_away(record, weights):
    text = told(with_weights(record, "unet", weights))
    assert "although its encoder is pretrained" in text
    assert "no surprise" not in text


def test_a_unet_above_segnet_or_a_pretrained_segnet_needs_no_word(record):
    assert "ranks below" not in told(record, iou=[0.5, 0.6, 0.2])
    assert "ranks below" not in told(with_weights(record, "segnet", "imagenet"))


def test_one_architecture_alone(record):
    alone = replace(record, contenders=record.contenders[:1])
    assert "there is no other to compare it with" in told(alone)
