"""Occluders on training images: where they are, how much they cover, and their labels."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.random_streams import OCCLUDER, image_generator
from faceseg.data.training_occluders import KINDS, Occluders, TrainingOccluders, occlude
from faceseg.data.training_occluders.placement import sample
from faceseg.robustness.occlusion import POLICIES, relabel
from faceseg.robustness.occlusion import occlude as occlude_for_test

Pixels = NDArray[np.uint8]
SIZE = 96


def face() -> tuple[Pixels, Pixels]:
    """Return a disc of skin with hair above it, on a background; every pixel is mid grey."""
    labels = np.zeros((SIZE, SIZE), np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    labels[np.hypot(x, y) < 30] = LAPA.skin
    labels[:16] = 10
    return np.full((SIZE, SIZE, 3), 128, np.uint8), labels


def drawn(settings: Occluders, count: int = 60) -> list[tuple[Pixels, Pixels]]:
    occluders = TrainingOccluders(settings, LAPA)
    return [occluders.occlude(*face(), (0, 1, index)) for index in range(count)]


def test_no_image_changes_by_default():
    image, labels = face()
    for found, ids in drawn(Occluders()):
        np.testing.assert_array_equal(found, image)
        np.testing.assert_array_equal(ids, labels)


def test_the_share_of_the_images_has_an_occluder():
    changed = [not np.array_equal(ids, face()[1]) for _, ids in drawn(Occluders(share=0.3), 400)]
    assert 0.23 < np.mean(changed) < 0.37  # 3 standard deviations are 0.07


@pytest.mark.parametrize("kind", KINDS)
def test_covered_pixels_are_background_and_all_others_keep_their_label(kind):
    image, labels = face()
    for found, ids in drawn(Occluders(kinds=(kind,), share=1)):
        relabelled = ids != labels
        assert set(ids[relabelled].tolist()) <= {0}
        assert np.isin(labels[relabelled], LAPA.face).any()
        # A shadow or an edge may darken other pixels; nothing far from the object changes.
        assert (found != image).any(axis=2)[relabelled].mean() > 0.9
        covered = ids == 0
        assert covered[labels == 0].all()


@pytest.mark.parametrize("kind", ["blob", "gray_square", "hand", "patches"])
def test_the_label_is_that_of_the_first_policy_of_occ_v1(kind):
    image, labels = face()
    occlusion = occlude_for_test(image, labels, "a", kind, 0.35, LAPA)
    tested = relabel(labels, occlusion, POLICIES[0])
    occluder = sample("cup", 0.35, image_generator((0, 1, 3), OCCLUDER))
    _, trained = occlude(image, labels, occluder, LAPA)
    assert set(trained[trained != labels].tolist()) == set(tested[occlusion.mask].tolist())


def test_a_larger_share_covers_more_of_the_face():
    _, labels = face()
    on_face = np.isin(labels, LAPA.face)
    means = []
    for share in (0.05, 0.2, 0.35, 0.5):
        covered = []
        for index in range(90):
            generator = image_generator((0, 1, index), OCCLUDER)
            occluder = sample(KINDS[index % len(KINDS)], share, generator)
            _, ids = occlude(*face(), occluder, LAPA)
            covered.append(np.mean(ids[on_face] == 0))
        means.append(np.mean(covered))
        assert means[-1] == pytest.approx(share, rel=0.25)
    assert means == sorted(means)


def test_the_seed_determines_the_occluder():
    occluders = TrainingOccluders(Occluders(share=1), LAPA)
    first, again, other = (
        occluders.occlude(*face(), seed)[0] for seed in ((0, 1, 2), (0, 1, 2), (0, 2, 2))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_object_covers_ignored_pixels_too():
    image, labels = face()
    labels[labels == 0] = IGNORE
    occluder = sample("cup", 0.5, image_generator((0, 1, 3), OCCLUDER))
    _, ids = occlude(image, labels, occluder, LAPA)
    assert set(np.unique(labels[ids == 0]).tolist()) >= {IGNORE, LAPA.skin}


def test_an_image_without_a_face_and_a_face_of_one_pixel():
    image = np.full((32, 48, 3), 7, np.uint8)
    occluder = sample("bottle", 0.5, image_generator((0, 1, 3), OCCLUDER))
    labels = np.zeros((32, 48), np.uint8)
    assert occlude(image, labels, occluder, LAPA)[0] is image
    for corner in ((0, 0), (31, 47)):
        labels = np.zeros((32, 48), np.uint8)
        labels[corner] = LAPA.skin
        found, _ = occlude(image, labels, occluder, LAPA)
        assert found.shape == image.shape


def test_the_inputs_are_not_modified():
    image, labels = face()
    image.setflags(write=False)
    labels.setflags(write=False)
    for index in range(20):
        TrainingOccluders(Occluders(share=1), LAPA).occlude(image, labels, (0, 1, index))


@pytest.mark.parametrize(
    "wrong", [{"kinds": ()}, {"kinds": ("cup", "cup")}, {"kinds": ("hand",)}, {"share": 1.1}]
)
def test_settings_that_are_not_valid_are_refused(wrong):
    with pytest.raises(ValidationError):
        Occluders.model_validate(wrong)
