"""Every kind of occ-v1 depends on its key only, is nested, and reaches its severity."""

from collections.abc import Callable
from itertools import pairwise

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from faceseg.data.classes import LAPA, ClassSet
from faceseg.errors import UserError
from faceseg.robustness.occlusion import (
    KINDS,
    REFERENCE_KIND,
    Occlusion,
    has_steps,
    occlude,
    occlude_each,
    relabel,
    severities,
)

Labels = NDArray[np.uint8]
Faces = Callable[..., Labels]
Pictures = Callable[[Labels], NDArray[np.uint8]]

ALL = (*KINDS, REFERENCE_KIND)
SHARES = tuple(kind for kind in ALL if not has_steps(kind))


def series(labels: Labels, kind: str, image_id: str = "a", replica: int = 0) -> list[Occlusion]:
    blank = np.zeros((*labels.shape, 3), np.uint8)
    return occlude_each(blank, labels, image_id, kind, severities(kind), LAPA, replica)


@pytest.mark.parametrize("kind", ALL)
def test_an_occluder_depends_on_its_key_and_not_on_earlier_calls(
    kind: str, face: Faces, picture: Pictures
) -> None:
    labels = face()
    image = picture(labels)
    severity = severities(kind)[2]
    first = occlude(image, labels, "a", kind, severity, LAPA)
    occlude(image, labels, "b", kind, severities(kind)[0], LAPA)
    again = occlude(image, labels, "a", kind, severity, LAPA)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)


@pytest.mark.parametrize("kind", SHARES)
def test_another_image_or_replica_has_another_occluder(kind: str, face: Faces) -> None:
    masks = [
        series(face(), kind, image_id, replica)[2].mask.tobytes()
        for image_id, replica in (("a", 0), ("b", 0), ("a", 1))
    ]
    assert len(set(masks)) == 3


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("kind", ALL)
def test_severities_are_nested(kind: str, size: int, face: Faces) -> None:
    for image_id in "abc":
        drawn = series(face(size), kind, image_id)
        for milder, harder in pairwise(drawn):
            assert not np.any(milder.mask & ~harder.mask)
            assert milder.coverage < harder.coverage


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("kind", SHARES)
def test_the_share_of_the_face_is_reached_within_one_percent(
    kind: str, size: int, face: Faces
) -> None:
    labels = face(size)
    pixels = np.isin(labels, LAPA.face)
    for image_id in "abcd":
        for severity, occlusion in zip(
            severities(kind), series(labels, kind, image_id), strict=True
        ):
            assert occlusion.coverage == pytest.approx(severity, abs=0.01)
            assert occlusion.coverage == occlusion.mask[pixels].mean()


@pytest.mark.parametrize("kind", ALL)
def test_pixels_outside_the_mask_and_the_inputs_do_not_change(
    kind: str, face: Faces, picture: Pictures
) -> None:
    labels = face()
    image = picture(labels)
    kept_image, kept_labels = image.copy(), labels.copy()
    for occlusion in occlude_each(image, labels, "a", kind, severities(kind), LAPA):
        assert occlusion.image.dtype == np.uint8
        np.testing.assert_array_equal(occlusion.image[~occlusion.mask], image[~occlusion.mask])
        assert np.mean(occlusion.image[occlusion.mask] != image[occlusion.mask]) > 0.9
    np.testing.assert_array_equal(image, kept_image)
    np.testing.assert_array_equal(labels, kept_labels)


@pytest.mark.parametrize("kind", ALL)
def test_masks_do_not_depend_on_the_colours(kind: str, face: Faces, picture: Pictures) -> None:
    labels = face()
    coloured = occlude_each(picture(labels), labels, "a", kind, severities(kind), LAPA)
    for blank, other in zip(series(labels, kind), coloured, strict=True):
        np.testing.assert_array_equal(blank.mask, other.mask)


@pytest.mark.parametrize("kind", ALL)
def test_an_image_without_a_face_does_not_change(kind: str, picture: Pictures) -> None:
    labels = np.full((40, 30), 10, np.uint8)  # hair only
    image = picture(labels)
    found = occlude(image, labels, "a", kind, severities(kind)[-1], LAPA)
    np.testing.assert_array_equal(found.image, image)
    assert found.coverage == 0
    assert not found.mask.any()


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    labels=arrays.arrays(
        np.uint8,
        strategies.tuples(strategies.integers(1, 40), strategies.integers(1, 40)),
        elements=strategies.sampled_from([*range(11), 255]),
    )
)
@pytest.mark.parametrize("kind", ALL)
def test_any_label_map_can_be_occluded(kind: str, labels: Labels) -> None:
    for occlusion in series(labels, kind):
        assert occlusion.mask.shape == labels.shape
        assert 0 <= occlusion.coverage <= 1


def test_covered_pixels_are_background_or_hair_or_ignored(face: Faces) -> None:
    labels = face()
    for kind, seen in (("blob", 0), ("strands", LAPA.hair)):
        occlusion = series(labels, kind)[2]
        assert occlusion.label == seen
        for policy, expected in (("visible", seen), ("unoccluded", 255)):
            changed = relabel(labels, occlusion, policy)  # type: ignore[arg-type]  # a loop
            assert set(changed[occlusion.mask]) == {expected}
            np.testing.assert_array_equal(changed[~occlusion.mask], labels[~occlusion.mask])


def test_labels_do_not_change_under_a_translucent_occluder(face: Faces) -> None:
    labels = face()
    occlusion = series(labels, REFERENCE_KIND)[2]
    np.testing.assert_array_equal(relabel(labels, occlusion, "visible"), labels)
    np.testing.assert_array_equal(relabel(labels, occlusion, "unoccluded"), labels)


def test_an_unknown_policy_is_refused(face: Faces) -> None:
    with pytest.raises(ValueError, match="policy 'both'"):
        relabel(face(), series(face(), "blob")[0], "both")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("kind", "severity", "message"),
    [
        ("hat", 0.1, "expected one of gray_square"),
        ("blob", 0.0, "above 0"),
        ("blob", 0.6, "up to 0.5"),
        ("eye_band", 0.2, "steps 1, 2, 3"),
    ],
)
def test_an_unknown_kind_or_severity_is_a_user_error(
    kind: str, severity: float, message: str, face: Faces, picture: Pictures
) -> None:
    with pytest.raises(UserError, match=message):
        occlude(picture(face()), face(), "a", kind, severity, LAPA)


def test_an_image_of_another_size_than_its_labels_is_refused(face: Faces) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        occlude(np.zeros((8, 8, 3), np.uint8), face(), "a", "blob", 0.1, LAPA)


def test_a_class_set_with_one_class_for_both_eyes_works(face: Faces) -> None:
    six = ClassSet(
        names=("background", "skin", "hair", "eyes", "nose", "mouth"),
        palette=tuple((each, each, each) for each in range(6)),
        face=(1, 3, 4, 5),
        eyes=(3,),
        hair=2,
    )
    table = np.array([0, 1, 2, 2, 3, 3, 4, 5, 5, 5, 2], np.uint8)
    labels = table[face()]
    blank = np.zeros((*labels.shape, 3), np.uint8)
    covered = occlude(blank, labels, "a", "eye_band", 2, six).mask
    assert covered[labels == 3].all()
    assert occlude(blank, labels, "a", "strands", 0.2, six).label == 2
