"""An MLflow store on sqlite with versions of a registered model, for tests and benchmarks."""

import time
from functools import cached_property
from pathlib import Path

import mlflow
from mlflow.tracking import MlflowClient

from faceseg.data.classes import LAPA
from faceseg.networks.saving import save_network
from pipelines.registry.publish import write_model
from pipelines.tracking import Tracker

NAME = "served"


class ModelVersions:
    """A store in a folder; `pipelines.registry.publish.write_model` writes its versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client.create_registered_model(NAME)

    @cached_property
    def client(self) -> MlflowClient:
        return Tracker(self.uri).client

    def version(self, network: Path) -> str:
        """Register a network as a new version; return its number."""
        folder = self.folder / f"model-{time.monotonic_ns()}"
        before = mlflow.get_tracking_uri()
        write_model(folder, network, "made for a test")
        mlflow.set_tracking_uri(before)
        return str(self.client.create_model_version(NAME, folder.as_uri()).version)

    def champion(self, version: str) -> None:
        """Point the alias at a version."""
        self.client.set_registered_model_alias(NAME, "champion", version)

    def unet(self) -> Path:
        """Return an untrained U-Net of 128 px."""
        import faceseg

        path = self.folder / "unet.keras"
        save_network(
            faceseg.build_unet(input_shape=(128, 128, 3)), path, LAPA, {"made_for": "a load test"}
        )
        return path
