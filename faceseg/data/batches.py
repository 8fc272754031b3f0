"""Batches from a pack for Keras: uint8 all the way, since casting is the device's work.

Shapes: B images of a batch, H rows, W columns.
"""

import math
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise

import keras
import numpy as np
from numpy.typing import NDArray

from faceseg.data.augmentation import Augmentation, augment
from faceseg.data.classes import ClassSet
from faceseg.data.prefetch import prefetch_map
from faceseg.data.split import Split

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class TrainingBatches:
    """The epochs of a split: every image once in each, shuffled and augmented by (seed, epoch).

    The images are dealt out over ceil(N / batch_size) batches as evenly as can be, so that
    batches differ by one image at most: none is dropped, and no last batch of one image spoils
    a BatchNorm (9 images by 8 are 5 and 4, not 8 and 1).

    A batch depends on seed, epoch and its number alone: they may be asked for in any order, and
    twice. `len` is the number of batches of an epoch.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int,
        augmentation: Augmentation,
        classes: ClassSet,
        threads: int = 1,
    ) -> None:
        if batch_size < 1 or len(split) < 1:
            raise ValueError(f"{len(split)} images in batches of {batch_size}: expected 1 or more")
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.classes = classes
        self.threads = threads
        self._images, self._labels = np.asarray(split.images), np.asarray(split.labels)
        bounds = np.linspace(0, len(split), len(self) + 1).astype(int).tolist()
        self._bounds = list(pairwise(bounds))
        self._order: tuple[int, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def prefetch(self, first: int, last: int) -> Generator[Batch]:
        """Yield all batches of the epochs `first` to `last`, made ahead in a thread.

        Those of the next epoch are being made while the last steps and the validation of one
        run. Close it if it is left early.
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
            images[place], labels[place] = augment(
                self._images[row],
                self._labels[row],
                self.augmentation,
                self.classes,
                (self.seed, epoch, row),
            )

        self._each(fill, range(len(rows)))
        return images, labels

    def order(self, epoch: int) -> NDArray[np.intp]:
        """Return the order of the images in one epoch, shape (N,)."""
        made = self._order
        if made is None or made[0] != epoch:
            bits = np.random.Philox(
                key=np.array([self.seed % 2**64, epoch], dtype=np.uint64),
                counter=np.array([0, 0, 1, 0], dtype=np.uint64),  # apart from `augment.draw`
            )
            made = epoch, np.random.Generator(bits).permutation(len(self.split))
            self._order = made  # one assignment: threads may be at two epochs
        return made[1]

    def _each(self, work: Callable[[int], None], places: Sequence[int]) -> None:
        run = map if self.threads == 1 else self._pool.map
        for _ in run(work, places):
            pass

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads)


class EvaluationBatches(keras.utils.PyDataset):
    """A split in its own order, as it is; the last batch holds the rest."""

    def __init__(self, split: Split, batch_size: int) -> None:
        super().__init__()
        self.split = split
        self.batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return images (B, H, W, 3) and labels (B, H, W) of one batch."""
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return np.array(self.split.images[rows]), np.array(self.split.labels[rows])
