"""Batches of a packed split for Keras, in uint8; the network casts them on the device.

Shapes: B images of a batch, H rows, W columns.
"""

import math
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from itertools import pairwise

import keras
import numpy as np
from numpy.typing import NDArray

from faceseg.data.augmentation import Augmentation, augment
from faceseg.data.classes import ClassSet
from faceseg.data.prefetch import prefetch_map
from faceseg.data.random_streams import ORDER, image_generator
from faceseg.data.split import Split
from faceseg.data.training_occluders import Occluders, TrainingOccluders

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]

NO_OCCLUDERS = Occluders()


class TrainingBatches:
    """Training batches: each epoch has every image once, shuffled and augmented by (seed, epoch).

    The images are distributed evenly over ceil(N / batch_size) batches, so that batch sizes
    differ by one at most. No image is dropped, and no last batch of a single image distorts a
    BatchNorm (9 images in batches of up to 8 become 5 and 4, not 8 and 1).

    A batch depends only on the seed, the epoch and its index, so batches can be requested in
    any order and repeatedly. `len` is the number of batches in an epoch.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int,
        augmentation: Augmentation,
        classes: ClassSet,
        occluders: Occluders = NO_OCCLUDERS,
        threads: int = 1,
    ) -> None:
        """Prepare batches of `split`.

        Args:
            split: The packed images.
            batch_size: The largest number of images in a batch.
            seed: Determines the order of the images and their augmentation.
            augmentation: The ranges of the random transforms.
            classes: The class set of the labels.
            occluders: The occluders that are drawn on the images.
            threads: Threads that augment the images of one batch.

        Raises:
            ValueError: The split is empty, or the batch size is below 1.
        """
        if batch_size < 1 or len(split) < 1:
            raise ValueError(f"{len(split)} images in batches of {batch_size}: expected 1 or more")
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.classes = classes
        self.occluders = TrainingOccluders(occluders, classes)
        self.threads = threads
        self._images, self._labels = np.asarray(split.images), np.asarray(split.labels)
        bounds = np.linspace(0, len(split), len(self) + 1).astype(int).tolist()
        self._bounds = list(pairwise(bounds))
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    @property
    def largest(self) -> int:
        """The number of images of the largest batch."""
        return math.ceil(len(self.split) / len(self))

    def prefetch(self, first: int, last: int) -> Generator[Batch]:
        """Yield all batches of the epochs `first` to `last`, prefetched in a thread.

        Batches of the next epoch are prepared during the last steps and the validation of the
        current one. A caller that stops early must close the generator.
        """
        places = ((epoch, index) for epoch in range(first, last + 1) for index in range(len(self)))
        return prefetch_map(lambda place: self.batch(*place), places, 1)

    def batch(self, epoch: int, index: int) -> Batch:
        """Return images (B, H, W, 3) and labels (B, H, W) of one batch of any epoch."""
        begin, end = self._bounds[index]
        rows = self.order(epoch)[begin:end]
        images = np.empty((len(rows), *self._images.shape[1:]), dtype=np.uint8)
        labels = np.empty((len(rows), *self._labels.shape[1:]), dtype=np.uint8)

        def fill(place: int) -> None:
            row = int(rows[place])
            seed = (self.seed, epoch, row)
            images[place], labels[place] = augment(
                self._images[row],
                self._labels[row],
                self.augmentation,
                self.classes,
                seed,
                occlude=partial(self.occluders.occlude, seed=seed),
            )

        self._each(fill, range(len(rows)))
        return images, labels

    def order(self, epoch: int) -> NDArray[np.intp]:
        """Return the order of the images in one epoch, shape (N,)."""
        order = self._order
        if order is None or order[0] != epoch:
            generator = image_generator((self.seed, epoch, 0), ORDER)
            order = epoch, generator.permutation(len(self.split))
            self._order = order  # one assignment, because threads may be at different epochs
        return order[1]

    def _each(self, work: Callable[[int], None], places: Sequence[int]) -> None:
        run = map if self.threads == 1 else self._pool.map
        for _ in run(work, places):
            pass

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads)


class EvaluationBatches(keras.utils.PyDataset):
    """Batches of a split in its own order, not augmented; the last one may be smaller."""

    def __init__(self, split: Split, batch_size: int) -> None:
        super().__init__()
        self.split = split
        self.batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    @property
    def largest(self) -> int:
        """The number of images of the largest batch."""
        return min(self.batch_size, len(self.split))

    def __getitem__(self, index: int) -> Batch:
        """Return images (B, H, W, 3) and labels (B, H, W) of one batch."""
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return np.array(self.split.images[rows]), np.array(self.split.labels[rows])
