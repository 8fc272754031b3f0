from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from pipelines.compare.comparison import gains_markdown, study_gains


def with_counts(record, name, change):
    """Another study: one network's matrices changed, by a function of (N, C, C)."""
    contenders = []
    for each in record.models:
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
        contenders.append(replace(each, finals=finals))
    return replace(record, experiment="second", contenders=tuple(contenders))


def right(counts):
    """Every pixel right."""
    return np.stack([np.diag(each.sum(axis=1)) for each in counts])


def test_each_study_is_told_with_its_gain_on_the_one_before(record):
    second = with_counts(record, "pspnet", right)
    rows = study_gains([record, second], resamples=200).set_index(["network", "study"])
    assert list(rows.index.get_level_values(0)) == [
        *("unet", "unet", "pspnet", "pspnet", "segnet", "segnet"),
    ]
    pspnet = rows.loc["pspnet"]
    before, after = pspnet.loc[record.experiment], pspnet.loc["second"]
    assert np.isnan(before["gain"])
    assert (after["iou"], after["low"], after["high"]) == (1, 1, 1)
    assert after["gain"] == pytest.approx(1 - before["iou"])
    assert 0 < after["gain_low"] < after["gain"] < after["gain_high"]
    unchanged = rows.loc[("unet", "second")]
    assert unchanged["gain"] == 0


def test_a_network_that_a_study_lacks_is_compared_with_the_study_before_that(record):
    without = replace(record, experiment="without", contenders=record.models[:1])
    third = with_counts(record, "pspnet", right)
    rows = study_gains([record, without, third], resamples=50)
    pspnet = rows[rows.network == "pspnet"]
    assert pspnet.study.tolist() == [record.experiment, "second"]
    assert pspnet.gain.iloc[1] > 0


def test_other_images_are_refused(record):
    fewer = with_counts(record, "unet", lambda counts: counts + np.eye(5, dtype=int))
    with pytest.raises(UserError, match="was tested on other images than"):
        study_gains([record, fewer], resamples=10)


def test_the_table_reads_as_markdown(record):
    text = gains_markdown(study_gains([record, with_counts(record, "pspnet", right)], resamples=50))
    lines = text.splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert len(lines) == 2 + 6
    assert "| pspnet | second | 1.000 (1.000 to 1.000) | +0." in text
