"""The model that is served, and the next one: an alias is looked at, and followed.

A version that an alias newly names is loaded beside the one in use, run once, and takes over in
one step; requests that were prepared for the old one end with it. Where it cannot be had, the
old one stays.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from faceseg.errors import UserError, first_line
from faceseg.inference.predictor import Predictor, load

ALIAS = re.compile(r"models:/([^/@]+)@([^/@]+)")
VERSION = re.compile(r"models:/[^/@]+/(\d+)")
RETRY_AFTER = 60.0  # seconds before a version that could not be loaded is tried again


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready; `address` is a fixed one: a version, a run's file, a path."""

    address: str
    predictor: Predictor

    @property
    def version(self) -> str:
        """The version in the registry; "" of a model that has none."""
        match = VERSION.fullmatch(self.address)
        return match[1] if match else ""


@dataclass(frozen=True)
class ModelSource:
    """Where models come from.

    address: as `faceseg predict` resolves it. uri: MLflow's, or "". threads: of the runtime of an
    exported file; Keras's are the process's own.
    """

    address: str
    uri: str
    threads: int | None = None

    @property
    def is_alias(self) -> bool:
        """Whether the address may name another model later: an alias does."""
        return ALIAS.fullmatch(self.address) is not None

    def resolve(self) -> str:
        """Return the fixed address that is meant now; asks MLflow about an alias."""
        alias = ALIAS.fullmatch(self.address)
        if alias is None:
            return self.address
        from pipelines.tracking import Tracker

        found = Tracker(self.uri).client.get_model_version_by_alias(alias[1], alias[2])
        return f"models:/{alias[1]}/{found.version}"

    def load(self, address: str) -> LoadedModel:
        """Load a model and run it once, so that no request pays for what is made at first."""
        if not self.uri:
            from pipelines.models.exported_models import is_exported, open_exported

            path = Path(address)
            if is_exported(path):
                return LoadedModel(address, warm_up(open_exported(path, self.threads)))
            return LoadedModel(address, warm_up(load(path)))
        import mlflow

        mlflow.set_tracking_uri(self.uri)
        with TemporaryDirectory(prefix="faceseg-") as folder:
            path = mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=folder)
            return LoadedModel(address, warm_up(load(Path(path))))


def warm_up(predictor: Predictor) -> Predictor:
    """Run a predictor on one image and on two: Keras traces it for one size, then for any."""
    blank = np.zeros((*predictor.grid, 3), np.uint8)
    for count in (1, 2):
        predictor.logits([blank] * count)
    return predictor


@dataclass(frozen=True)
class ReplicaState:
    """What a replica serves; `trouble` is what keeps it from following its alias, or ""."""

    replica: str
    version: str
    address: str
    trouble: str


class ServedModel:
    """The model in use. `look` follows the alias; call it from one thread at a time."""

    def __init__(
        self,
        source: ModelSource,
        on_change: Callable[[LoadedModel], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._on_change, self._clock = source, on_change, clock
        self._refused: tuple[str, float] = ("", 0.0)  # an address, and when it may be tried again
        self.trouble = ""
        self.current = source.load(source.resolve())
        on_change(self.current)

    def refresh(self) -> None:
        """Load what the alias names if that is another version. Raises nothing: see `trouble`."""
        try:
            wanted = self._source.resolve()
        except Exception as error:  # MLflow's and its database's are many
            self.trouble = f"MLflow does not say which version is meant: {first_line(error)}"
            return
        if wanted == self.current.address:
            self.trouble = ""
            return
        if wanted == self._refused[0] and self._clock() < self._refused[1]:
            return
        try:
            coming = self._source.load(wanted)
        except Exception as error:  # a damaged model must not end the one in use
            self._refused = (wanted, self._clock() + RETRY_AFTER)
            self.trouble = f"{wanted} cannot be loaded: {first_line(error)}"
            return
        self.current, self.trouble = coming, ""
        self._on_change(coming)


def model_source(model: str, tracking: str | None, threads: int | None = None) -> ModelSource:
    """Return where a model comes from; UserError if it is neither a file nor MLflow is known."""
    from pipelines.models.loading import resolve_address, tracking_uri_for

    address = resolve_address(model)
    if address.startswith(("models:/", "runs:/")):
        return ModelSource(address, tracking_uri_for(model, tracking))
    if not Path(address).exists():
        raise UserError(
            f"there is no file {address}; expected a .keras file, what `faceseg export` has made,"
            " a run or a registry address such as models:/faceseg@champion"
        )
    return ModelSource(str(Path(address).resolve()), "", threads)
