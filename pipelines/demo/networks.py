"""The networks that a page offers: what they are called, and what is known of them."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from pipelines.demo.photograph import Pixels, image_digest
from pipelines.models.loading import open_model, resolve_address

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

DEFAULT_MODEL = "models:/faceseg@champion"
REGISTRY = "models:/"


@dataclass(frozen=True)
class DemoNetwork:
    """A predictor, a title that no other network of the page has, and facts to be read."""

    title: str
    facts: tuple[str, ...]
    predictor: Predictor


def open_networks(models: Sequence[str], tracking: str | None) -> list[DemoNetwork]:
    """Open all models, as `faceseg predict` takes them; UserError for what is none.

    Networks of one page share one class set: their figures stand side by side. Of two with the
    same short name the second is called by its address.
    """
    networks: list[DemoNetwork] = []
    for model in models:
        predictor = open_model(model, tracking)
        title, facts = describe(model, predictor.origin)
        if any(network.title == title for network in networks):
            title = model
        networks.append(DemoNetwork(title, facts, predictor))
    if titles := [one.title for one in networks if not _same_classes(one, networks[0])]:
        raise UserError(
            f"{titles[0]} has other classes than {networks[0].title}; "
            "give models of one class set, or open a page for each"
        )
    if len({network.title for network in networks}) < len(networks):
        raise UserError("a model was given twice; name each once")
    return networks


def describe(model: str, origin: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the short name of a model that can be opened, and what is known of it.

    origin: what its file says, for one that is not in MLflow.
    """
    address = resolve_address(model)
    if address.startswith(REGISTRY):
        return _registered(address.removeprefix(REGISTRY))
    if address.startswith("runs:/"):
        return _run(address)
    return Path(address).stem, describe_facts(origin, None)


def describe_facts(tags: Mapping[str, Any], run: "Run | None") -> tuple[str, ...]:
    """Put into words what tags and a run say: network, score, and data it was trained on."""
    told = [str(tags["architecture"])] if "architecture" in tags else []
    if "test_iou" in tags:
        told.append(f"test IoU {float(tags['test_iou']):.2f}")
    data = describe_training_data(run)
    told.append(f"trained on {data}" if data else "its data is not recorded in the file")
    if "study" in tags:
        told.append(f"study {tags['study']}")
    return tuple(told)


def describe_training_data(run: "Run | None") -> str | None:
    """Say which data a run was trained on: its name, its images, their size."""
    if run is None or not run.inputs.dataset_inputs:
        return None
    dataset = run.inputs.dataset_inputs[0].dataset
    facts = json.loads(dataset.profile or "{}")
    told = "drawn faces" if dataset.name == "drawn" else str(dataset.name)
    if "train" in facts.get("counts", {}):
        told = f"{facts['counts']['train']:,} images of {told}"
    if "image_size" in facts:
        rows, columns = facts["image_size"]
        told += f", {columns} x {rows} pixels"
    return told


def _registered(name: str) -> tuple[str, tuple[str, ...]]:
    """Describe `MODEL@ALIAS` or `MODEL/VERSION`; of another address only the name is known."""
    from mlflow import MlflowClient

    client = MlflowClient()  # `open_model` has set where MLflow is
    version: ModelVersion
    if "@" in name:
        model, short = name.split("@", 1)
        version = client.get_model_version_by_alias(model, short)
    elif name.count("/") == 1 and name.split("/")[1].isdigit():
        model, number = name.split("/")
        short, version = f"version {number}", client.get_model_version(model, number)
    else:
        return name, ()
    run = client.get_run(version.run_id) if version.run_id else None
    return short, (f"{model}, version {version.version}", *describe_facts(version.tags, run))


def _run(address: str) -> tuple[str, tuple[str, ...]]:
    from mlflow import MlflowClient

    identity = address.removeprefix("runs:/").split("/")[0]
    run = MlflowClient().get_run(identity)
    prefix = "faceseg."
    tags = {
        name.removeprefix(prefix): value
        for name, value in run.data.tags.items()
        if name.startswith(prefix)
    }
    score = run.data.metrics.get("test/iou")
    return f"run {identity[:8]}", describe_facts(
        tags if score is None else {**tags, "test_iou": score}, run
    )


def _same_classes(one: DemoNetwork, other: DemoNetwork) -> bool:
    return one.predictor.classes == other.predictor.classes


# --- Labels of photographs, each worked out once: the page asks for the same ones again and again.
#
# Shapes: H rows, W columns of the image.

MAX_CACHED_MAPS = 48  # label maps; of the largest photographs 120 MB


class LabelCache:
    """Remembers the last label maps by the image's content; one network runs at a time."""

    def __init__(self) -> None:
        self._maps: OrderedDict[tuple[str, str], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def labels(self, network: DemoNetwork, image: Pixels) -> Pixels:
        """Return the labels (H, W) of an image (H, W, 3)."""
        key = network.title, image_digest(image)
        with self._lock:
            if key not in self._maps:
                self._maps[key] = _predict(network.predictor, image)
            self._maps.move_to_end(key)
            while len(self._maps) > MAX_CACHED_MAPS:
                self._maps.popitem(last=False)
            return self._maps[key]


def _predict(predictor: Predictor, image: Pixels) -> Pixels:
    labels = predictor.predict(image)
    labels.setflags(write=False)
    return labels
