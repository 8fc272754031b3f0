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


def marked(study, places):
    """The study in which an occluder lies before some faces, and there unet finds no eyes."""
    facts = [{"occluder": "mask" if place in places else "none"} for place in range(16)]
    contenders = []
    for each in study.models:
        final = each.finals[0]
        counts = final.tested.counts.copy()
        if each.name == "unet":
            for place in places:
                counts[place, 4:6, 1] += counts[place, 4:6, 4:6].sum(axis=1)
                counts[place, 4:6, 4:6] = 0
        records = replace(
            final.records, facts=tuple(facts), tested=replace(final.tested, counts=counts)
        )
        contenders.append(replace(each, finals=(replace(final, records=records),)))
    return replace(study, contenders=tuple(contenders))


def test_a_planted_weakness_is_the_worst_slice(study):
    places = list(range(0, 12))
    planted_study = marked(study, places)
    found = score_slices(planted_study, Measurements.from_study(planted_study, 100))
    # Four images without an occluder are too few for a slice: ten are wanted.
    assert [row.name for row in found.rows] == [ALL, "before the face: something"]
    row = found.worst("unet")
    counts = planted_study.models[0].finals[0].tested.counts[places].sum(axis=0)
    assert row.images == 12
    assert row.by_model["unet"].value == pytest.approx(mean_of_defined(class_iou(counts)[1:]))
    assert row.by_model["unet"].fixed_low < row.by_model["unet"].value
    assert "fewer than 10" in found.left_out[-1]
    (words,) = worst_slice_sentences(found, ["unet"])
    assert words.startswith("unet is worst on the slice 'before the face: something': IoU 0.")
    assert "12 images" in words


def test_without_facts_nothing_is_sliced_and_it_is_said(study):
    bare = replace(
        study,
        contenders=tuple(
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
    found = score_slices(bare, Measurements.from_study(bare, 50))
    assert [row.name for row in found.rows] == [ALL]
    assert found.worst("unet") is None
    assert "Nothing is known of the single images" in found.left_out[0]
