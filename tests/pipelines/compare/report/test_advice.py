from dataclasses import replace

import pytest

from pipelines.compare.analysis.comparison_table import build_table
from pipelines.compare.analysis.comparisons import Measurements, compare_pairs
from pipelines.compare.report.advice import summary_sentences


def told(record, **columns):
    """Return the summary, with some columns of the table set for segnet, unet, pspnet."""
    table = build_table(record, 200).assign(**columns)
    evidence = Measurements.from_study(record, 200)
    return " ".join(summary_sentences(record, table, evidence, compare_pairs(evidence, table)))


def with_weights(record, name, weights):
    contenders = []
    for each in record.models:
        finals = each.finals
        if each.name == name:
            finals = tuple(
                replace(final, params={**final.params, "network.encoder_weights": weights})
                for final in finals
            )
        contenders.append(replace(each, finals=finals))
    return replace(record, contenders=tuple(contenders))


def twins(record):
    """The study in which unet's finals are segnet's too."""
    finals = next(each for each in record.models if each.name == "segnet").finals
    contenders = tuple(
        replace(each, finals=finals) if each.name == "unet" else each for each in record.models
    )
    return replace(record, contenders=contenders)


def test_networks_that_differ_surely_are_told_with_figure_and_interval(record):
    # Wrong shares of 5, 30 and 80 %: far apart on every photograph.
    text = told(record)
    assert "Sure of the test IoU: segnet above unet by +0." in text
    assert "ot separated" not in text
    assert "training noise included" in text


def test_networks_that_are_alike_are_not_separated(record):
    text = told(twins(record))
    assert "not separated: segnet and unet, +0.000" in text.replace(
        "unet and segnet", "segnet and unet"
    )
    assert "Sure of the test IoU" in text


def test_one_seed_is_said(record):
    single = tuple(replace(each, finals=each.finals[:1]) for each in record.models)
    assert "one seed: training noise is not in it" in told(replace(record, contenders=single))


def test_networks_that_learned_nothing_are_told_so(record):
    finals = [
        tuple(replace(final, metrics={**final.metrics, "test/iou": 0.09}) for final in each.finals)
        for each in record.models
    ]
    blind = replace(
        record,
        contenders=tuple(
            replace(each, finals=own) for each, own in zip(record.models, finals, strict=True)
        ),
    )
    assert "No network is better than the mean label map, which never looks (IoU 0.100)" in told(
        blind
    )
    assert "mean label map" not in told(record)


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


def test_a_unet_that_may_be_as_good_as_segnet_needs_no_explanation(record):
    assert "ranks below" not in told(twins(record), iou=[0.6, 0.5, 0.2])


def test_a_unet_above_segnet_or_a_pretrained_segnet_needs_no_word(record):
    assert "ranks below" not in told(record, iou=[0.5, 0.6, 0.2])
    assert "ranks below" not in told(with_weights(record, "segnet", "imagenet"))


def test_one_architecture_alone_has_no_order(record):
    alone = replace(record, contenders=record.models[:1])
    assert told(alone) == ""
