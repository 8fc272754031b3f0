"""The work of one replica: label photographs, many requests at a time.

Processes that can be ended decode photographs and resize them to the network's grid (h, w), where
each takes a few kilobytes while it waits. One thread runs the network on all waiting photographs.
A pool of threads then resizes the logits to the photograph's own size (H, W). The labels are those
of `faceseg predict`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.problems import BadFile
from faceseg.inference.label_maps import remove_small_islands
from faceseg.inference.mirrored import mean_of_views
from faceseg.inference.predictor import labels_from_logits
from pipelines.predict.results import class_shares, palette_png
from pipelines.serve.batcher import Batcher
from pipelines.serve.prometheus import ReplicaMetrics
from pipelines.serve.requests import HttpProblem, bad_photograph
from pipelines.serve.served_model import LoadedModel, ModelSource, ServedModel
from pipelines.serve.settings import MAX_BATCH, MAX_WAITING_REQUESTS, ServeSettings
from pipelines.serve.views import PHOTOGRAPH, decode_views

MAX_CONSECUTIVE_FAILURES = 3  # failed batches in a row before a replica is unhealthy
MAX_SECONDS_WITHOUT_DECODER = 5.0  # then a replica is not ready


@dataclass(frozen=True)
class PreparedRequest:
    """A photograph on a model's grid, (h, w, 3), with its mirrored image if that is averaged."""

    model: LoadedModel
    views: list[NDArray[np.uint8]]
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class LabelledPhotograph:
    """The result of a request.

    Attributes:
        model: The model that labelled the photograph.
        mask: A palette PNG.
        size: Rows and columns (H, W).
        shares: The share of the pixels in each class.
    """

    model: LoadedModel
    mask: bytes
    size: tuple[int, int]
    shares: dict[str, float]


class LabellingService:
    """Labels photographs with the model in use.

    Args:
        settings: The settings of all replicas.
        source: Where to load the model from.
        decoders: The processes that decode photographs.
        replica: The name of this replica.
    """

    def __init__(
        self,
        settings: ServeSettings,
        source: ModelSource,
        decoders: DecoderProcesses,
        replica: str = "",
    ) -> None:
        self.settings, self.replica = settings, replica
        self.metrics = ReplicaMetrics()
        self.served_model = ServedModel(source, self._record_model)
        self.follows_alias = source.is_alias
        self.waiting_requests = 0
        self._decoders = decoders
        # A thread waits for each process, so the label maps have threads of their own.
        self._decoding = ThreadPoolExecutor(decoders.count, "decoding")
        self._threads = ThreadPoolExecutor(settings.cpus + 1, "label maps")
        self._failures = 0  # failed batches in a row
        self._network: Batcher[PreparedRequest, NDArray[np.float32]] = Batcher(
            self._through_network, MAX_BATCH, ThreadPoolExecutor(1, "network")
        )

    @contextmanager
    def admit_request(self) -> Iterator[None]:
        """Occupy one of the replica's places for a request.

        Raises:
            HttpProblem: 503, if all places are occupied.
        """
        if self.waiting_requests >= MAX_WAITING_REQUESTS:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_WAITING_REQUESTS} requests are waiting already; retry later",
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
        """Label a photograph.

        Args:
            content: The bytes of an image file.
            flip: Whether to average with the prediction for the mirrored image.
            clean: Whether to remove small islands of a class.

        Raises:
            HttpProblem: The file is no image, is damaged, or too large or laborious to decode.
        """
        loop = asyncio.get_running_loop()
        model = self.served_model.current
        prepared = await loop.run_in_executor(self._decoding, self._prepare, model, content, flip)
        logits = await self._network(prepared)
        return await loop.run_in_executor(self._threads, _to_label_map, prepared, logits, clean)

    async def follow_alias(self) -> None:
        """Reload the model whenever the alias moves; never returns."""
        while True:
            await asyncio.sleep(self.settings.look_every)
            await asyncio.to_thread(self.served_model.refresh)
            self.metrics.trouble.set(bool(self.served_model.trouble))

    def _prepare(self, model: LoadedModel, content: bytes, flip: bool) -> PreparedRequest:
        grid, limit = model.predictor.grid, self.settings.max_pixels
        try:
            views, size = self._decoders.run(
                PHOTOGRAPH, decode_views, content, limit, grid, flip=flip
            )
        except BadFile as error:
            raise bad_photograph(error) from error
        return PreparedRequest(model, views, size)

    def check_readiness(self) -> None:
        """Raise HttpProblem (503) if no decoder has been free for long.

        Under load decoders are busy, but each is free again within a second. Files made to be
        laborious keep them busy for as long as `DecoderProcesses` allows.
        """
        if (seconds := self._decoders.seconds_all_busy()) > MAX_SECONDS_WITHOUT_DECODER:
            raise HttpProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"all decoders have been busy for {seconds:.0f} s",
                {"Retry-After": "1"},
            )

    def check_health(self) -> None:
        """Raise RuntimeError if the network failed repeatedly, so that Serve restarts it."""
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
    """Return logits (h, w, C) of each request; those for the same model share one call."""
    found: dict[int, NDArray[np.float32]] = {}
    for model in {id(each.model): each.model for each in batch}.values():
        members = [index for index, each in enumerate(batch) if each.model is model]
        views = [view for index in members for view in batch[index].views]
        logits = iter(model.predictor.logits(views))
        for index in members:
            found[index] = _merge_views(model, [next(logits) for _ in batch[index].views])
    return [found[index] for index in range(len(batch))]


def _merge_views(model: LoadedModel, views: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of an image's logits and its mirrored image's, after undoing the mirror."""
    if len(views) == 1:
        return views[0]
    image, mirror = views
    return mean_of_views(image, mirror, model.predictor.classes)


def _to_label_map(
    prepared: PreparedRequest, logits: NDArray[np.float32], clean: bool
) -> LabelledPhotograph:
    classes = prepared.model.predictor.classes
    labels = labels_from_logits(logits, prepared.size)
    if clean:
        labels = remove_small_islands(labels)
    mask = palette_png(labels, classes)
    return LabelledPhotograph(
        model=prepared.model,
        mask=mask,
        size=prepared.size,
        shares=class_shares(labels, classes),
    )
