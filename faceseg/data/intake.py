"""Items read, checked and resized by several threads, handed out in their order.

Shapes: H rows, W columns of the pack; h, w the image's own size; C classes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.data.checks import check_pair
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.problems import BadFile, Problem
from faceseg.data.source import Item, Pair
from faceseg.data.tally import class_columns

Given = TypeVar("Given")
Made = TypeVar("Made")

_AHEAD = 2  # items a thread may be ahead of the writer; they bound the memory


@dataclass(frozen=True)
class Ready:
    """A sound pair: image (H, W, 3) and labels (H, W), and its original if that is kept.

    `digest` is of the original's pixels, `columns` (C, W) the tally of the packed labels.
    """

    id: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    original: Pair | None
    digest: bytes
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class Intake:
    """How the items of one split are taken in."""

    split: str
    classes: ClassSet
    size: tuple[int, int]
    originals: bool

    def take(self, item: Item) -> Ready | Problem:
        """Read, check and resize one item."""
        try:
            image, labels = item.read()
            check_pair(image, labels, self.classes, f"{self.split}/{item.id}")
        except BadFile as bad:
            return Problem(
                split=self.split,
                id=item.id,
                file=bad.file,
                wrong=bad.wrong,
                expected=bad.expected,
            )
        packed = resize_labels(labels, self.size)
        return Ready(
            id=item.id,
            image=resize_image(image, self.size),
            labels=packed,
            original=(image, labels) if self.originals else None,
            digest=_digest(image),
            columns=class_columns(packed, len(self.classes)),
        )


def in_order(work: Callable[[Given], Made], given: Iterable[Given], threads: int) -> Iterator[Made]:
    """Yield `work(each)` in the order given, done by threads that run a little ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for each in given:
                waiting.append(pool.submit(work, each))
                if len(waiting) > _AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _digest(image: NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    digest = blake2b(f"{height}x{width}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
