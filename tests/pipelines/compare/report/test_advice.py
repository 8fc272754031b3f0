"""The sentences of the summary, for studies with known differences."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from pipelines.compare.analysis.comparison_table import build_table
from pipelines.compare.analysis.comparisons import Measurements, compare_pairs
from pipelines.compare.report.advice import advise
from pipelines.compare.report.comparison_text import ranking_sentence
from pipelines.compare.report.summary import summary_sentences


def single_seed(study):
    """Return the study with one final run of each network."""
    models = tuple(replace(each, finals=each.finals[:1]) for each in study.models)
    return replace(study, models=models)


def summary(study, **columns):
    """Return the summary; `columns` replaces columns of the table (segnet, unet, pspnet)."""
    table = build_table(study, 200).assign(**columns)
    measurements = Measurements.from_study(study, 200)
    pairs = compare_pairs(measurements, table)
    return " ".join(summary_sentences(study, table, measurements, pairs))


def with_weights(study, name, weights):
    models = []
    for each in study.models:
        finals = each.finals
        if each.name == name:
            finals = tuple(
                replace(final, params={**final.params, "network.encoder_weights": weights})
                for final in finals
            )
        models.append(replace(each, finals=finals))
    return replace(study, models=tuple(models))


def with_equal_unet(study):
    """Return the study in which unet has the final runs of segnet."""
    finals = next(each for each in study.models if each.name == "segnet").finals
    models = tuple(
        replace(each, finals=finals) if each.name == "unet" else each for each in study.models
    )
    return replace(study, models=models)


def test_certain_differences_are_listed_with_their_intervals(study):
    # Shares of 5, 30 and 80 % of wrong pixels: far apart on every photograph.
    text = summary(study)
    assert "In test IoU, segnet is above unet by +0." in text
    assert "uncertain" not in text
    assert "they include training noise" in text


def test_the_order_of_equal_networks_is_uncertain(study):
    text = summary(with_equal_unet(study))
    assert "The order is uncertain for segnet and unet, +0.000" in text.replace(
        "unet and segnet", "segnet and unet"
    )
    assert "In test IoU, " in text


def test_one_seed_is_reported(study):
    text = summary(single_seed(study))
    assert "they exclude training noise, because a network has only one seed" in text


def test_one_network_of_one_seed_is_reported(study):
    first, *others = study.models
    text = summary(replace(study, models=(replace(first, finals=first.finals[:1]), *others)))
    assert "they include training noise where both networks have several seeds" in text


def test_one_seed_limits_certainty_to_these_finals(study):
    best = advise(Measurements.from_study(study, 200))[0]
    assert (best.name, best.certainty) == ("segnet", "sure")
    alone = advise(Measurements.from_study(single_seed(study), 200))[0]
    assert (alone.name, alone.certainty) == ("segnet", "sure for these finals")
    assert "another training may give another result" in alone.words


@pytest.mark.parametrize("iou", [0.09, 0.149])  # the mean label map has 0.1
def test_networks_that_learned_next_to_nothing_get_a_warning_and_no_advice(study, iou):
    finals = [
        tuple(replace(final, metrics={**final.metrics, "test/iou": iou}) for final in each.finals)
        for each in study.models
    ]
    untrained = replace(
        study,
        models=tuple(
            replace(each, finals=own) for each, own in zip(study.models, finals, strict=True)
        ),
    )
    text = summary(untrained)
    assert "No network scores 0.05 above the mean label map" in text
    assert "(IoU 0.100)" in text
    assert advise(Measurements.from_study(untrained, 200)) == []
    assert "mean label map" not in summary(study)


def test_a_unet_from_scratch_below_segnet_is_explained_by_its_settings(study):
    text = summary(study)
    assert "unet ranks below segnet, which is expected with these settings: " in text
    assert "unet has no pretrained encoder (encoder_weights: none)" in text
    assert "unet's finest encoder features are 32 pixels wide" in text
    assert "segnet uses 8 times the multiply-adds" in text  # 8 M against 1 M


def test_only_reasons_that_hold_are_given(study):
    large = study.manifest.model_copy(update={"image_size": (256, 256)})
    text = summary(replace(study, manifest=large), model_macs=[1e6, 1e6, 1e6])
    assert "expected with these settings: unet has no pretrained encoder" in text
    assert "with an input of" not in text
    assert "multiply-adds" not in text


@pytest.mark.parametrize("weights", ["imagenet", "weights.h5"])
def test_a_pretrained_unet_below_segnet_is_not_expected(study, weights):
    text = summary(with_weights(study, "unet", weights))
    assert "although its encoder is pretrained" in text
    assert "expected" not in text


def test_a_unet_that_may_be_as_good_as_segnet_is_not_explained(study):
    assert "ranks below" not in summary(with_equal_unet(study), iou=[0.6, 0.5, 0.2])


def test_a_unet_above_segnet_or_below_a_pretrained_segnet_is_not_explained(study):
    assert "ranks below" not in summary(study, iou=[0.5, 0.6, 0.2])
    assert "ranks below" not in summary(with_weights(study, "segnet", "imagenet"))


def test_a_single_architecture_has_no_ranking(study):
    alone = replace(study, models=study.models[:1])
    assert summary(alone) == ""


def timed_at(study, load):
    """Return the study with unet as good as segnet, timed while other programs used `load` cores.

    Without a load: as an earlier version timed it.
    """
    models = []
    for each in with_equal_unet(study).models:
        finals = []
        for final in each.finals:
            latency = {"unet": 2.0, "segnet": 5.0, "pspnet": 9.0}[each.name] + 0.01 * final.number
            metrics = {**final.metrics, "latency/p50_ms": latency, "latency/load": load}
            finals.append(
                replace(final, metrics={k: v for k, v in metrics.items() if v is not None})
            )
        models.append(replace(each, finals=tuple(finals)))
    return replace(study, models=tuple(models))


@pytest.mark.parametrize(
    ("load", "certainty"), [(0.1, "sure"), (1.5, "not sure"), (None, "not sure")]
)
def test_a_busy_machine_decides_no_order_of_speed(study, load, certainty):
    measurements = Measurements.from_study(timed_at(study, load), 200)
    (fastest,) = (each for each in advise(measurements) if each.question.startswith("Fastest"))
    assert (fastest.name, fastest.certainty) == ("unet", certainty)
    assert ("while other programs used the machine" in fastest.words) == (certainty == "not sure")
    verdict = measurements.compare("unet", "segnet", "latency").verdict
    assert verdict == ("contradicted" if certainty == "sure" else "undecided")


def test_the_ranking_of_many_networks_lists_neighbours_only(study):
    # Four networks have six pairs, five have ten: only the four pairs of neighbours are listed.
    models = tuple(
        replace(each, name=name)
        for name, each in zip("abcde", (*study.models, *study.models[:2]), strict=True)
    )
    table = build_table(replace(study, models=models), 50)
    measurements = Measurements.from_study(replace(study, models=models), 50)
    text = ranking_sentence(compare_pairs(measurements, table))
    ranked = list(table["architecture"])
    named = {pair for pair in combinations(ranked, 2) if all_named(pair, text)}
    assert named == set(pairwise(ranked))
    assert "Only neighbours in the ranking are listed" in text


def test_of_many_others_the_reason_names_the_nearest(study):
    models = tuple(
        replace(each, name=name)
        for name, each in zip(
            ("near", "far", "best", "farther", "farthest"),
            (*study.models, study.models[1], study.models[1]),
            strict=True,
        )
    )
    measurements = Measurements.from_study(replace(study, models=models), 50)
    overall = advise(measurements)[0]
    assert (overall.name, overall.certainty) == ("best", "sure")
    assert " against near, and more against the 3 others." in overall.words
    assert "far" not in overall.words


def all_named(pair, text):
    """Return whether a sentence compares the two."""
    first, second = pair
    return f"{first} is above {second} by" in text or f"{first} and {second}, " in text
