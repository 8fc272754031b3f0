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
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.problems import BadFile
from faceseg.detection.crop import Framing, face_box_margin
from faceseg.detection.face import Face
from faceseg.inference.faces import paste_faces
from faceseg.inference.label_maps import remove_small_islands
from faceseg.inference.mirrored import mean_of_views
from faceseg.inference.predictor import labels_from_logits
from pipelines.predict.results import class_shares, palette_png
from pipelines.serve.batcher import Batcher
from pipelines.serve.prometheus import ReplicaMetrics
from pipelines.serve.requests import HttpProblem, bad_photograph
from pipelines.serve.served_model import LoadedModel, ModelSource, ServedModel
from pipelines.serve.settings import MAX_BATCH, MAX_IMAGES, MAX_WAITING_REQUESTS, ServeSettings
from pipelines.serve.views import PHOTOGRAPH, Views, decode_views

Logits = list[NDArray[np.float32]]  # (h, w, C) of each image

MAX_CONSECUTIVE_FAILURES = 3  # failed batches in a row before a replica is unhealthy
MAX_SECONDS_WITHOUT_DECODER = 5.0  # then a replica is not ready


@dataclass(frozen=True)
class PreparedRequest:
    """What a model is shown of a photograph, and whether each image is followed by its mirror."""

    model: LoadedModel
    views: Views
    flip: bool


@dataclass(frozen=True, kw_only=True)
class LabelledPhotograph:
    """The result of a request.

    Attributes:
        model: The model that labelled the photograph.
        mask: A palette PNG.
        size: Rows and columns (H, W).
        shares: The share of the pixels in each class.
        faces: The faces; None if they were not looked for.
    """

    model: LoadedModel
    mask: bytes
    size: tuple[int, int]
    shares: dict[str, float]
    faces: tuple[Face, ...] | None


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
        self._network: Batcher[PreparedRequest, Logits] = Batcher(
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

    async def label(
        self, content: bytes, *, flip: bool = False, clean: bool = False, faces: bool = False
    ) -> LabelledPhotograph:
        """Label a photograph.

        Args:
            content: The bytes of an image file.
            flip: Whether to average with the prediction for the mirrored image.
            clean: Whether to remove small islands of a class.
            faces: Whether to find the faces and to label each as its own crop.

        Raises:
            HttpProblem: The file is no image, is damaged, or too large or laborious to decode.
        """
        loop = asyncio.get_running_loop()
        model = self.served_model.current
        prepared = await loop.run_in_executor(
            self._decoding, self._prepare, model, content, flip, faces
        )
        logits = await self._network(prepared)
        return await loop.run_in_executor(self._threads, _to_label_map, prepared, logits, clean)

    async def follow_alias(self) -> None:
        """Reload the model whenever the alias moves; never returns."""
        while True:
            await asyncio.sleep(self.settings.look_every)
            await asyncio.to_thread(self.served_model.refresh)
            self.metrics.trouble.set(bool(self.served_model.trouble))

    def _prepare(
        self, model: LoadedModel, content: bytes, flip: bool, faces: bool
    ) -> PreparedRequest:
        grid, limit = model.predictor.grid, self.settings.max_pixels
        origin = model.predictor.origin
        on_boxes = face_box_margin(origin) is not None
        framing = Framing.of(origin) if faces or on_boxes else None
        try:
            views = self._decoders.run(
                PHOTOGRAPH, decode_views, content, limit, grid, flip=flip, framing=framing
            )
        except BadFile as error:
            raise bad_photograph(error) from error
        return PreparedRequest(model, views, flip)

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

    def _through_network(self, batch: Sequence[PreparedRequest]) -> list[Logits]:
        self.metrics.batch.observe(len(batch))
        self._failures += 1
        logits = _logits(batch)
        self._failures = 0
        return logits

    def _record_model(self, model: LoadedModel) -> None:
        self.metrics.set_model(model.address, model.version)


def _logits(batch: Sequence[PreparedRequest]) -> list[Logits]:
    """Return the logits of each request's images; those for the same model share the calls."""
    found: dict[int, Logits] = {}
    for model in {id(each.model): each.model for each in batch}.values():
        members = [index for index, each in enumerate(batch) if each.model is model]
        images = [image for index in members for image in batch[index].views.images]
        calls = [images[first : first + MAX_IMAGES] for first in range(0, len(images), MAX_IMAGES)]
        logits = (each for call in calls for each in model.predictor.of_crops.logits(call))
        for index in members:
            step = 2 if batch[index].flip else 1
            count = len(batch[index].views.images) // step
            found[index] = [_merge_views(model, list(islice(logits, step))) for _ in range(count)]
    return [found[index] for index in range(len(batch))]


def _merge_views(model: LoadedModel, views: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of an image's logits and its mirrored image's, after undoing the mirror."""
    if len(views) == 1:
        return views[0]
    image, mirror = views
    return mean_of_views(image, mirror, model.predictor.classes)


def _to_label_map(prepared: PreparedRequest, logits: Logits, clean: bool) -> LabelledPhotograph:
    classes, views = prepared.model.predictor.classes, prepared.views
    if views.squares:
        labels = paste_faces(logits, views.squares, views.size, clean=clean)
    else:
        labels = labels_from_logits(logits[0], views.size)
        labels = remove_small_islands(labels) if clean else labels
    mask = palette_png(labels, classes)
    return LabelledPhotograph(
        model=prepared.model,
        mask=mask,
        size=views.size,
        shares=class_shares(labels, classes),
        faces=views.faces,
    )
