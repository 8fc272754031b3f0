"""Batches contain every image once per epoch and depend only on seed, epoch and index."""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from faceseg.data.augmentation import Augmentation, augment
from faceseg.data.batches import NO_OCCLUDERS, Batch, EvaluationBatches, TrainingBatches
from faceseg.data.classes import LAPA
from faceseg.data.split import Split
from faceseg.data.split_writer import SplitWriter
from faceseg.data.training_occluders import Occluders, TrainingOccluders

PLAIN = Augmentation(strength=0)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Return nine images of 16 x 24; every pixel and every label of image n is n."""
    with SplitWriter(tmp_path / "train", (16, 24), originals=False) as writer:
        for number in range(9):
            image = np.full((16, 24, 3), number, dtype=np.uint8)
            writer.append(str(number), image, image[..., 0])
        writer.finish()
    return Split(tmp_path, "train")


def batches(
    split: Split,
    size: int = 4,
    seed: int = 0,
    augmentation: Augmentation = PLAIN,
    *,
    occluders: Occluders = NO_OCCLUDERS,
    threads: int = 1,
) -> TrainingBatches:
    return TrainingBatches(
        split,
        size,
        seed=seed,
        augmentation=augmentation,
        classes=LAPA,
        occluders=occluders,
        threads=threads,
    )


def shown(given: TrainingBatches, epoch: int = 0) -> list[int]:
    return [
        int(image[0, 0, 0]) for index in range(len(given)) for image in given.batch(epoch, index)[0]
    ]


@pytest.mark.parametrize(
    ("size", "sizes"),
    [(1, [1] * 9), (2, [1, 2, 2, 2, 2]), (4, [3, 3, 3]), (8, [4, 5]), (9, [9]), (100, [9])],
)
def test_images_are_distributed_evenly(split: Split, size: int, sizes: list[int]) -> None:
    given = batches(split, size)
    assert sorted(len(given.batch(0, index)[0]) for index in range(len(given))) == sizes
    assert given.largest == sizes[-1]
    assert sorted(shown(given)) == list(range(9))


def test_images_and_labels_belong_together(split: Split) -> None:
    images, labels = batches(split).batch(0, 0)
    assert images.shape == (3, 16, 24, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (3, 16, 24)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(images[..., 0], labels)


def test_each_epoch_and_seed_has_its_own_order(split: Split) -> None:
    given = batches(split)
    first = shown(given)
    assert shown(given, 1) != first
    assert shown(given, 0) == first
    assert shown(batches(split, seed=1)) != first
    assert shown(batches(split, size=2)) == first  # the batch size does not change the order


def test_an_image_is_augmented_alike_whatever_the_batch(split: Split) -> None:
    full, occluders = Augmentation(jpeg=0.5, noise=0.1), Occluders(share=0.5)
    small = batches(split, 2, 5, full, occluders=occluders)
    large = batches(split, 9, 5, full, occluders=occluders, threads=4)
    small_images = np.concatenate([small.batch(3, index)[0] for index in reversed(range(5))][::-1])
    images, labels = large.batch(3, 0)
    np.testing.assert_array_equal(small_images, images)
    row = int(large.order(3)[4])
    seed = (5, 3, row)
    occlude = partial(TrainingOccluders(occluders, LAPA).occlude, seed=seed)
    expected = augment(split.images[row], split.labels[row], full, LAPA, seed, occlude=occlude)
    np.testing.assert_array_equal(images[4], expected[0])
    np.testing.assert_array_equal(labels[4], expected[1])


def test_occluders_cover_a_share_of_the_images(split: Split) -> None:
    def faces(occluders: Occluders) -> int:
        given = batches(split, 9, occluders=occluders)
        labels = np.concatenate([given.batch(epoch, 0)[1] for epoch in range(20)])
        return int(np.isin(labels, LAPA.face).sum())

    # One of nine images has no face. Half of the others lose a quarter of it, about.
    share = 1 - faces(Occluders(share=0.5)) / faces(Occluders())
    assert 0.06 < share < 0.2


def test_a_batch_size_of_zero_is_refused(split: Split) -> None:
    with pytest.raises(ValueError, match="9 images in batches of 0"):
        batches(split, 0)


def test_evaluation_keeps_the_order_and_all_images(split: Split) -> None:
    given = EvaluationBatches(split, 4)
    assert (given.largest, EvaluationBatches(split, 16).largest) == (4, 9)
    numbers = [[int(image[0, 0, 0]) for image in given[index][0]] for index in range(len(given))]
    assert numbers == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    images, labels = given[2]
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.writeable


def test_keras_trains_on_every_batch_of_every_epoch(split: Split) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(TrainingBatches):
        def batch(self, epoch: int, index: int) -> Batch:
            seen.append((epoch, index))
            return super().batch(epoch, index)

    inputs = keras.Input((16, 24, 3), dtype="uint8")
    outputs = keras.layers.Conv2D(11, 1)(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model.compile("sgd", loss=loss)
    given = Watched(split, 4, seed=0, augmentation=Augmentation(), classes=LAPA)
    for images, labels in given.prefetch(5, 6):
        assert np.isfinite(model.train_on_batch(images, labels))
    assert seen == [(epoch, index) for epoch in (5, 6) for index in range(3)]
    assert np.isfinite(model.evaluate(EvaluationBatches(split, 4), verbose=0))
