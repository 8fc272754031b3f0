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

from faceseg.data.images import resize_image
from faceseg.inference.label_maps import remove_small_islands
from faceseg.inference.predictor import labels_from_logits
from pipelines.predict.results import class_shares, palette_png
from pipelines.serve.batcher import Batcher
from pipelines.serve.prometheus import ReplicaMetrics
from pipelines.serve.requests import HttpProblem, read_photograph
from pipelines.serve.served_model import LoadedModel, ModelSource, ServedModel
from pipelines.serve.settings import MAX_BATCH, MAX_WAITING_REQUESTS, ServeSettings

MAX_CONSECUTIVE_FAILURES = 3  # batches that fail in a row before a replica counts as broken


@dataclass(frozen=True)
class PreparedRequest:
    """A photograph on a model's grid, (h, w, 3), and its mirror image if that has a voice."""

    model: LoadedModel
    views: list[NDArray[np.uint8]]
    size: tuple[int, int]


@dataclass(frozen=True)
class LabelledPhotograph:
    """The answer: a palette PNG, its size (H, W), the share of each class, and whose it is."""

    model: LoadedModel
    mask: bytes
    size: tuple[int, int]
    shares: dict[str, float]


class LabellingService:
    """Labels photographs with the model in use."""

    def __init__(self, settings: ServeSettings, source: ModelSource, replica: str = "") -> None:
        self.settings, self.replica = settings, replica
        self.metrics = ReplicaMetrics()
        self.served_model = ServedModel(source, self._record_model)
        self.follows_alias = source.is_alias
        self.waiting_requests = 0
        self._threads = ThreadPoolExecutor(settings.cpus + 1, "photographs")
        self._failures = 0  # batches in a row
        self._network: Batcher[PreparedRequest, NDArray[np.float32]] = Batcher(
            self._through_network, MAX_BATCH, ThreadPoolExecutor(1, "network")
        )

    @contextmanager
    def admit_request(self) -> Iterator[None]:
        """Hold one of the replica's places for a request. Problem 503 if there is none."""
        if self.waiting_requests >= MAX_WAITING_REQUESTS:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_WAITING_REQUESTS} requests wait already; come again",
                {"Retry-After": "1"},
            )
        self.waiting_requests += 1
        self.metrics.waiting.set(self.waiting_requests)
        try:
            yield
        finally:
            self.waiting_requests -= 1
            self.metrics.waiting.set(self.waiting_requests)

    async def label(self, content: bytes, *, flip: bool, clean: bool) -> LabelledPhotograph:
        """Return the labels of a JPEG or PNG file; Problem if it is none, or too large."""
        loop = asyncio.get_running_loop()
        model = self.served_model.current
        prepared = await loop.run_in_executor(self._threads, self._prepare, model, content, flip)
        logits = await self._network(prepared)
        return await loop.run_in_executor(self._threads, _to_label_map, prepared, logits, clean)

    async def follow_alias(self) -> None:
        """Look at the alias every few seconds, for ever."""
        while True:
            await asyncio.sleep(self.settings.look_every)
            await asyncio.to_thread(self.served_model.refresh)
            self.metrics.trouble.set(bool(self.served_model.trouble))

    def _prepare(self, model: LoadedModel, content: bytes, flip: bool) -> PreparedRequest:
        image = read_photograph(content, self.settings.max_pixels)
        views = [image, np.ascontiguousarray(image[:, ::-1])] if flip else [image]
        on_grid = [resize_image(view, model.predictor.grid) for view in views]
        return PreparedRequest(model, on_grid, (image.shape[0], image.shape[1]))

    def check_health(self) -> None:
        """RuntimeError if the network fails again and again: a new process may do better."""
        if self._failures >= MAX_CONSECUTIVE_FAILURES:
            raise RuntimeError(f"{self._failures} batches in a row failed")

    def _through_network(self, batch: Sequence[PreparedRequest]) -> list[NDArray[np.float32]]:
        self.metrics.batch.observe(len(batch))
        self._failures += 1
        logits = _logits(batch)
        self._failures = 0
        return logits

    def _record_model(self, model: LoadedModel) -> None:
        self.metrics.set_model(model.address, model.version)


def _logits(batch: Sequence[PreparedRequest]) -> list[NDArray[np.float32]]:
    """Return logits (h, w, C) of each; those of one model go through it together."""
    found: dict[int, NDArray[np.float32]] = {}
    for model in {id(each.model): each.model for each in batch}.values():
        members = [at for at, each in enumerate(batch) if each.model is model]
        views = [view for at in members for view in batch[at].views]
        logits = iter(model.predictor.logits(views))
        for at in members:
            found[at] = _merge_views(model, [next(logits) for _ in batch[at].views])
    return [found[at] for at in range(len(batch))]


def _merge_views(model: LoadedModel, views: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of an image's logits and its mirror image's, brought back onto it."""
    if len(views) == 1:
        return views[0]
    image, mirrored = views
    classes = model.predictor.classes
    back = mirrored[:, ::-1][..., classes.flip_table[: len(classes)]]
    return np.asarray(np.mean([image, back], axis=0, dtype=np.float32))


def _to_label_map(
    prepared: PreparedRequest, logits: NDArray[np.float32], clean: bool
) -> LabelledPhotograph:
    classes = prepared.model.predictor.classes
    labels = labels_from_logits(logits, prepared.size)
    if clean:
        labels = remove_small_islands(labels)
    mask = palette_png(labels, classes)
    return LabelledPhotograph(prepared.model, mask, prepared.size, class_shares(labels, classes))
