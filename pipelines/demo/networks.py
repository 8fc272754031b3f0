"""The networks that a page offers: their titles, their facts and a cache of their label maps.

Shapes: H rows, W columns of an image.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceseg.detection.face import Face, FaceDetector
from faceseg.errors import UserError
from faceseg.inference.faces import label_faces
from faceseg.inference.predictor import Predictor
from pipelines.demo.photograph import Pixels, image_digest
from pipelines.models.loading import open_model, resolve_address

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

DEFAULT_MODEL = "models:/faceseg@champion"
REGISTRY = "models:/"
MAX_CACHED_MAPS = 48  # label maps; 120 MB for the largest photographs


@dataclass(frozen=True)
class DemoNetwork:
    """A predictor with a title, unique on its page, and facts to display."""

    title: str
    facts: tuple[str, ...]
    predictor: Predictor


def open_networks(models: Sequence[str], tracking: str | None) -> list[DemoNetwork]:
    """Open all models of a page.

    The networks of one page share one class set, because their results are shown side by side.
    If two have the same short title, the title of the second is its address.

    Args:
        models: Models as `faceseg predict` accepts them.
        tracking: The MLflow tracking URI, for models that are stored in MLflow.

    Raises:
        UserError: A model cannot be opened, has other classes, or is given twice.
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
            "give models of one class set, or open one page for each"
        )
    if len({network.title for network in networks}) < len(networks):
        raise UserError("a model was given twice; give each model once")
    return networks


def describe(model: str, origin: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the short title of a model and its facts.

    Args:
        model: A model that can be opened.
        origin: The facts in its file, for a model that is not in MLflow.
    """
    address = resolve_address(model)
    if address.startswith(REGISTRY):
        return _registered(address.removeprefix(REGISTRY))
    if address.startswith("runs:/"):
        return _run(address)
    return Path(address).stem, describe_facts(origin, None)


def describe_facts(tags: Mapping[str, Any], run: "Run | None") -> tuple[str, ...]:
    """Return the network, score and training data from tags and a run, as phrases."""
    facts = [str(tags["architecture"])] if "architecture" in tags else []
    if "test_iou" in tags:
        facts.append(f"test IoU {_rounded(tags['test_iou'])}")
    data = describe_training_data(run)
    facts.append(f"trained on {data}" if data else "its training data is not recorded in the file")
    if "study" in tags:
        facts.append(f"study {tags['study']}")
    return tuple(facts)


def _rounded(score: Any) -> str:
    """Return a score with two digits; anyone may have written another text into a tag."""
    try:
        return f"{float(score):.2f}"
    except (TypeError, ValueError):
        return str(score)


def describe_training_data(run: "Run | None") -> str | None:
    """Describe the training data of a run: its name, its images and their size."""
    if run is None or not run.inputs.dataset_inputs:
        return None
    dataset = run.inputs.dataset_inputs[0].dataset
    facts = json.loads(dataset.profile or "{}")
    text = "drawn faces" if dataset.name == "drawn" else str(dataset.name)
    if "train" in facts.get("counts", {}):
        text = f"{facts['counts']['train']:,} images of {text}"
    if "image_size" in facts:
        rows, columns = facts["image_size"]
        text += f", {columns} x {rows} pixels"
    return text


def _registered(name: str) -> tuple[str, tuple[str, ...]]:
    """Describe `MODEL@ALIAS` or `MODEL/VERSION`; other addresses have no facts."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()  # `open_model` has set the tracking URI
    version: ModelVersion
    if "@" in name:
        model, short = name.split("@", 1)
        version = client.get_model_version_by_alias(model, short)
    elif name.count("/") == 1 and name.split("/")[1].isdigit():
        model, number = name.split("/")
        short, version = f"version {number}", client.get_model_version(model, number)
    else:
        return name, ()
    run = None
    if version.run_id:
        with suppress(MlflowException):  # a run can be deleted; the version remains
            run = client.get_run(version.run_id)
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


class LabelCache:
    """Caches recent label maps by network and image content; one network runs at a time."""

    def __init__(self, detector: FaceDetector | None = None) -> None:
        """Label each face that the detector finds as its own crop; None for whole photographs."""
        self._detector = None if detector is None else RecentFaces(detector)
        self._maps: OrderedDict[tuple[str, str], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def labels(self, network: DemoNetwork, image: Pixels) -> Pixels:
        """Return the labels (H, W) of an image (H, W, 3)."""
        key = network.title, image_digest(image)
        with self._lock:
            if key not in self._maps:
                self._maps[key] = self._predict(network.predictor, image)
            self._maps.move_to_end(key)
            while len(self._maps) > MAX_CACHED_MAPS:
                self._maps.popitem(last=False)
            return self._maps[key]

    def keep_faces(self, changed: Pixels, image: Pixels) -> None:
        """Take the faces of an image for those of a changed one, such as an occluded one.

        What changes then is the labels of the same crops, also where no face would be found.
        """
        with self._lock:
            if self._detector is not None:
                self._detector.keep(changed, image)

    def face_count(self, image: Pixels) -> int | None:
        """Return the number of faces of an image; None without a detector."""
        with self._lock:
            return None if self._detector is None else len(self._detector.detect(image))

    def _predict(self, predictor: Predictor, image: Pixels) -> Pixels:
        if self._detector is None:
            labels = predictor.predict(image)
        else:
            labels = label_faces(predictor, image, self._detector).labels
        labels.setflags(write=False)
        return labels


class RecentFaces:
    """Caches the faces of recent images, which each network of a page is shown."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._faces: OrderedDict[str, list[Face]] = OrderedDict()

    def detect(self, image: Pixels) -> list[Face]:
        """Return the faces of an image (H, W, 3), surest first."""
        key = image_digest(image)
        if key not in self._faces:
            self._faces[key] = self._detector.detect(image)
        self._faces.move_to_end(key)
        while len(self._faces) > MAX_CACHED_MAPS:
            self._faces.popitem(last=False)
        return self._faces[key]

    def keep(self, changed: Pixels, image: Pixels) -> None:
        """Cache the faces of an image as those of a changed one."""
        self._faces[image_digest(changed)] = self.detect(image)
