"""One replica's work: a photograph's bytes in, its labels out, many requests side by side.

Threads read photographs and bring them to the network's grid (h, w); they wait there as a few
kilobytes; one thread runs the network on all that wait; threads again bring the logits to the
photograph's own size (H, W). The labels are those of `faceseg predict`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from faceseg.cleaning import without_crumbs
from faceseg.data.images import resize_image
from faceseg.predictor import labels_of
from pipelines.predict.results import palette_png, shares
from pipelines.serve.batcher import Batcher
from pipelines.serve.intake import photograph
from pipelines.serve.meters import Meters
from pipelines.serve.models import Model, Models, Source
from pipelines.serve.problems import Problem
from pipelines.serve.settings import BATCH, WAITING, Settings

FAILURES = 3  # batches that fail in a row before a replica counts as broken


@dataclass(frozen=True)
class Prepared:
    """A photograph on a model's grid, (h, w, 3), and its mirror image if that has a voice."""

    model: Model
    views: list[NDArray[np.uint8]]
    size: tuple[int, int]


@dataclass(frozen=True)
class Labelled:
    """The answer: a palette PNG, its size (H, W), the share of each class, and whose it is."""

    model: Model
    mask: bytes
    size: tuple[int, int]
    shares: dict[str, float]


class Service:
    """Labels photographs with the model in use."""

    def __init__(self, settings: Settings, source: Source, replica: str = "") -> None:
        self.settings, self.replica = settings, replica
        self.meters = Meters()
        self.models = Models(source, self._tell)
        self.moves = source.moves
        self.held = 0
        self._threads = ThreadPoolExecutor(settings.cpus + 1, "photographs")
        self._failures = 0  # batches in a row
        self._network: Batcher[Prepared, NDArray[np.float32]] = Batcher(
            self._through_network, BATCH, ThreadPoolExecutor(1, "network")
        )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the replica's places for a request. Problem 503 if there is none."""
        if self.held >= WAITING:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{WAITING} requests wait already; come again",
                {"Retry-After": "1"},
            )
        self.held += 1
        self.meters.waiting.set(self.held)
        try:
            yield
        finally:
            self.held -= 1
            self.meters.waiting.set(self.held)

    async def label(self, content: bytes, *, flip: bool, clean: bool) -> Labelled:
        """Return the labels of a JPEG or PNG file; Problem if it is none, or too large."""
        loop = asyncio.get_running_loop()
        model = self.models.current
        prepared = await loop.run_in_executor(self._threads, self._prepare, model, content, flip)
        logits = await self._network(prepared)
        return await loop.run_in_executor(self._threads, _finish, prepared, logits, clean)

    async def follow(self) -> None:
        """Look at the alias every few seconds, for ever."""
        while True:
            await asyncio.sleep(self.settings.look_every)
            await asyncio.to_thread(self.models.look)
            self.meters.trouble.set(bool(self.models.trouble))

    def _prepare(self, model: Model, content: bytes, flip: bool) -> Prepared:
        image = photograph(content, self.settings.max_pixels)
        views = [image, np.ascontiguousarray(image[:, ::-1])] if flip else [image]
        on_grid = [resize_image(view, model.predictor.grid) for view in views]
        return Prepared(model, on_grid, (image.shape[0], image.shape[1]))

    def check(self) -> None:
        """RuntimeError if the network fails again and again: a new process may do better."""
        if self._failures >= FAILURES:
            raise RuntimeError(f"{self._failures} batches in a row failed")

    def _through_network(self, batch: Sequence[Prepared]) -> list[NDArray[np.float32]]:
        self.meters.batch.observe(len(batch))
        self._failures += 1
        logits = _logits(batch)
        self._failures = 0
        return logits

    def _tell(self, model: Model) -> None:
        self.meters.serves(model.address, model.version)


def _logits(batch: Sequence[Prepared]) -> list[NDArray[np.float32]]:
    """Return logits (h, w, C) of each; those of one model go through it together."""
    found: dict[int, NDArray[np.float32]] = {}
    for model in {id(each.model): each.model for each in batch}.values():
        members = [at for at, each in enumerate(batch) if each.model is model]
        views = [view for at in members for view in batch[at].views]
        logits = iter(model.predictor.logits(views))
        for at in members:
            found[at] = _merged(model, [next(logits) for _ in batch[at].views])
    return [found[at] for at in range(len(batch))]


def _merged(model: Model, views: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of an image's logits and its mirror image's, brought back onto it."""
    if len(views) == 1:
        return views[0]
    image, mirrored = views
    classes = model.predictor.classes
    back = mirrored[:, ::-1][..., classes.flip_table[: len(classes)]]
    return np.asarray(np.mean([image, back], axis=0, dtype=np.float32))


def _finish(prepared: Prepared, logits: NDArray[np.float32], clean: bool) -> Labelled:
    classes = prepared.model.predictor.classes
    labels = labels_of(logits, prepared.size)
    if clean:
        labels = without_crumbs(labels)
    mask = palette_png(labels, classes)
    return Labelled(prepared.model, mask, prepared.size, shares(labels, classes))
