"""The occluders of training images as a suite: for pictures, never for scores."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.training_occluders import KINDS
from faceseg.robustness.contact_sheet import contact_sheet
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.robustness.training_suite import POLICY, SEVERITIES, TRAINING_OCCLUSION
from tests.faceseg.function_networks import encode_labels


def test_no_network_is_scored_under_it():
    assert TRAINING_OCCLUSION.version == "occ-train-v1"
    assert TRAINING_OCCLUSION not in SUITES.values()
    for suite in SUITES.values():
        assert not {*suite.kinds(LAPA)} & {*KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_severity_has_an_object_on_the_face(
    kind: str, face: Callable[..., NDArray[np.uint8]]
):
    labels = face()
    image = encode_labels(labels)
    views = TRAINING_OCCLUSION.views(image, labels, "a", kind, LAPA)
    assert len(views) == len(SEVERITIES)
    for view in views:
        covered = view.truth[POLICY] != labels
        assert np.isin(labels[covered], LAPA.face).any()
    again = TRAINING_OCCLUSION.views(image, labels, "a", kind, LAPA)
    for first, second in zip(views, again, strict=True):
        np.testing.assert_array_equal(first.image, second.image)


def test_its_picture_has_a_row_for_each_kind(face: Callable[..., NDArray[np.uint8]]):
    labels = face()
    image = encode_labels(labels)
    (clean,) = TRAINING_OCCLUSION.views(image, labels, "a", CLEAN, LAPA)
    np.testing.assert_array_equal(clean.truth[POLICY], labels)
    sheet = contact_sheet(TRAINING_OCCLUSION, image, labels, "a", LAPA, side=40)
    assert sheet.shape[0] == len(KINDS) * (40 + 18 + 2)
