"""Slices of a simulated study, in which one network fails on some images."""

from dataclasses import replace

import pytest

from faceseg.evaluation.slices import ALL
from faceseg.metrics.confusion_matrix import class_iou, mean_of_defined
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.analysis.slices import score_slices, worst_slice_sentences
from tests.pipelines.compare import simulated_study


@pytest.fixture(scope="module")
def study():
    return simulated_study.study({}, seeds=1)


def with_weakness(study, indices):
    """Return the study in which some faces have an occluder and unet finds no eyes on them."""
    facts = [{"occluder": "mask" if index in indices else "none"} for index in range(16)]
    models = []
    for each in study.models:
        final = each.finals[0]
        counts = final.tested.counts.copy()
        if each.name == "unet":
            for index in indices:
                counts[index, 4:6, 1] += counts[index, 4:6, 4:6].sum(axis=1)
                counts[index, 4:6, 4:6] = 0
        records = replace(
            final.records, facts=tuple(facts), tested=replace(final.tested, counts=counts)
        )
        models.append(replace(each, finals=(replace(final, records=records),)))
    return replace(study, models=tuple(models))


def test_the_images_of_a_weakness_are_the_worst_slice(study):
    indices = list(range(0, 12))
    weak = with_weakness(study, indices)
    slices = score_slices(weak, Measurements.from_study(weak, 100))
    # The four images without an occluder are too few for a slice, which needs ten.
    assert [row.name for row in slices.rows] == [ALL, "before the face: something"]
    row = slices.worst("unet")
    counts = weak.models[0].finals[0].tested.counts[indices].sum(axis=0)
    assert row.images == 12
    assert row.by_model["unet"].value == pytest.approx(mean_of_defined(class_iou(counts)[1:]))
    assert row.by_model["unet"].fixed_low < row.by_model["unet"].value
    assert "fewer than 10" in slices.left_out[-1]
    (words,) = worst_slice_sentences(slices, ["unet"])
    assert words.startswith(
        "unet is worst on the slice 'before the face: something' (12 images): IoU 0."
    )


def test_without_facts_there_are_no_slices_and_a_reason(study):
    bare = replace(
        study,
        models=tuple(
            replace(
                each,
                finals=tuple(
                    replace(final, records=replace(final.records, facts=()))
                    for final in each.finals
                ),
            )
            for each in study.models
        ),
    )
    slices = score_slices(bare, Measurements.from_study(bare, 50))
    assert [row.name for row in slices.rows] == [ALL]
    assert slices.worst("unet") is None
    assert "contain no facts about single images" in slices.left_out[0]
