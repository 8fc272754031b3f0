"""Several studies in order: the gain of each network from study to study."""

from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from pipelines.compare.comparison import gains_markdown, study_gains


def with_counts(study, name, change):
    """Return a second study: `change` maps the matrices (N, C, C) of one network to new ones."""
    models = []
    for each in study.models:
        finals = each.finals
        if each.name == name:
            finals = tuple(
                replace(
                    final,
                    records=replace(
                        final.records,
                        tested=replace(final.tested, counts=change(final.tested.counts)),
                    ),
                )
                for final in finals
            )
        models.append(replace(each, finals=finals))
    return replace(study, experiment="second", models=tuple(models))


def all_correct(counts):
    """Return matrices of the same images in which every pixel is correct."""
    return np.stack([np.diag(each.sum(axis=1)) for each in counts])


def test_each_study_has_its_gain_over_the_previous_one(study):
    second = with_counts(study, "pspnet", all_correct)
    rows = study_gains([study, second], resamples=200).set_index(["network", "study"])
    assert list(rows.index.get_level_values(0)) == [
        *("unet", "unet", "pspnet", "pspnet", "segnet", "segnet"),
    ]
    pspnet = rows.loc["pspnet"]
    before, after = pspnet.loc[study.experiment], pspnet.loc["second"]
    assert np.isnan(before["gain"])
    assert (after["iou"], after["low"], after["high"]) == (1, 1, 1)
    assert after["gain"] == pytest.approx(1 - before["iou"])
    assert 0 < after["gain_low"] < after["gain"] < after["gain_high"]
    unchanged = rows.loc[("unet", "second")]
    assert unchanged["gain"] == 0


def test_a_study_without_the_network_is_skipped(study):
    without = replace(study, experiment="without", models=study.models[:1])
    third = with_counts(study, "pspnet", all_correct)
    rows = study_gains([study, without, third], resamples=50)
    pspnet = rows[rows.network == "pspnet"]
    assert pspnet.study.tolist() == [study.experiment, "second"]
    assert pspnet.gain.iloc[1] > 0


def test_studies_with_different_images_raise(study):
    fewer = with_counts(study, "unet", lambda counts: counts + np.eye(5, dtype=int))
    with pytest.raises(UserError, match="was tested on other images than"):
        study_gains([study, fewer], resamples=10)


def test_the_table_is_valid_markdown(study):
    text = gains_markdown(
        study_gains([study, with_counts(study, "pspnet", all_correct)], resamples=50)
    )
    lines = text.splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert len(lines) == 2 + 6
    assert "| pspnet | second | 1.000 (1.000 to 1.000) | +0." in text
