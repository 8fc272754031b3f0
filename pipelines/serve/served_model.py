"""The served model, and how it follows a registry alias.

When the alias moves, the new version is loaded beside the current one, run once, and then
replaces it in one step. Requests that were prepared for the old model finish with it. If the new
version cannot be loaded, the old one stays in use.
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
RETRY_AFTER = 60.0  # seconds before retrying a version that could not be loaded


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready; `address` is fixed: a version, a file of a run, or a path."""

    address: str
    predictor: Predictor

    @property
    def version(self) -> str:
        """The version in the registry, or "" for other models."""
        match = VERSION.fullmatch(self.address)
        return match[1] if match else ""


@dataclass(frozen=True)
class ModelSource:
    """Where to load the model from.

    Attributes:
        address: An address as `resolve_address` returns it, or a path.
        uri: The MLflow tracking URI; "" for a path.
        threads: Threads of an exported file's runtime; Keras uses those of the process.
    """

    address: str
    uri: str
    threads: int | None = None

    @property
    def is_alias(self) -> bool:
        """Whether the address is an alias, which may point to another model later."""
        return ALIAS.fullmatch(self.address) is not None

    def resolve(self) -> str:
        """Return the fixed address; for an alias, that of the version to which it points now."""
        alias = ALIAS.fullmatch(self.address)
        if alias is None:
            return self.address
        from pipelines.tracking import Tracker

        found = Tracker(self.uri).client.get_model_version_by_alias(alias[1], alias[2])
        return f"models:/{alias[1]}/{found.version}"

    def load(self, address: str) -> LoadedModel:
        """Load a model and warm it up, so that no request waits for tracing."""
        if not self.uri:
            from pipelines.models.exported_models import is_exported, open_exported

            path = Path(address)
            if is_exported(path):
                return LoadedModel(address, warm_up(open_exported(path, self.threads)))
            return LoadedModel(address, warm_up(load(path)))
        from pipelines.models.loading import load_from_mlflow
        from pipelines.tracking import Tracker

        with TemporaryDirectory(prefix="faceseg-") as folder:
            predictor = load_from_mlflow(Tracker(self.uri), address, Path(folder))
            return LoadedModel(address, warm_up(predictor))


def warm_up(predictor: Predictor) -> Predictor:
    """Run a predictor on one image and on two: Keras traces it for one size, then for any.

    Returns:
        The same predictor.
    """
    blank = np.zeros((*predictor.grid, 3), np.uint8)
    for count in (1, 2):
        predictor.of_crops.logits([blank] * count)
    return predictor


@dataclass(frozen=True, kw_only=True)
class ReplicaState:
    """Which model a replica serves.

    Attributes:
        replica: The name of the replica.
        version: The version in the registry, or "".
        address: The fixed address of the model.
        trouble: Why the replica cannot follow its alias, or "".
    """

    replica: str
    version: str
    address: str
    trouble: str


class ServedModel:
    """The model in use. Call `refresh` regularly, from one thread at a time.

    Args:
        source: Where to load the model from.
        on_change: Called with each model that is put into use.
        clock: Returns seconds; replaced in tests.
    """

    def __init__(
        self,
        source: ModelSource,
        on_change: Callable[[LoadedModel], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._on_change, self._clock = source, on_change, clock
        self._refused: tuple[str, float] = ("", 0.0)  # an address, and when to retry it
        self.trouble = ""
        self.current = source.load(source.resolve())
        on_change(self.current)

    def refresh(self) -> None:
        """Load the version to which the alias points, if it moved. Errors go to `trouble`."""
        try:
            wanted = self._source.resolve()
        except Exception as error:  # MLflow and its database raise many kinds
            self.trouble = f"MLflow did not return the alias: {first_line(error)}"
            return
        if wanted == self.current.address:
            self.trouble = ""
            return
        if wanted == self._refused[0] and self._clock() < self._refused[1]:
            return
        try:
            loaded = self._source.load(wanted)
        except Exception as error:  # a damaged model must not stop the server
            self._refused = (wanted, self._clock() + RETRY_AFTER)
            self.trouble = f"{wanted} cannot be loaded: {first_line(error)}"
            return
        self.current, self.trouble = loaded, ""
        self._on_change(loaded)


def model_source(model: str, tracking: str | None, threads: int | None = None) -> ModelSource:
    """Return the source of a model.

    Args:
        model: A registry address, a run, a `.keras` file or an exported file.
        tracking: The MLflow tracking URI, if given.
        threads: Threads of an exported file's runtime.

    Raises:
        UserError: There is no such file, or the tracking URI is not known.
    """
    from pipelines.models.loading import resolve_address, tracking_uri_for

    address = resolve_address(model)
    if address.startswith(("models:/", "runs:/")):
        return ModelSource(address, tracking_uri_for(model, tracking))
    if not Path(address).exists():
        raise UserError(
            f"file {address} does not exist; expected a .keras file, a file that `faceseg export`"
            " wrote, a run, or a registry address such as models:/faceseg@champion"
        )
    return ModelSource(str(Path(address).resolve()), "", threads)
