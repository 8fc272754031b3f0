"""A model source whose alias can be moved, in place of MLflow."""

import atexit
from functools import cache
from pathlib import Path

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.inference.predictor import load
from pipelines.serve.served_model import LoadedModel
from pipelines.serve.service import LabellingService
from pipelines.serve.settings import ServeSettings


class FakeSource:
    """Replaces `ModelSource`: its alias can be moved, and its registry made unreachable."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.unreachable = False
        self.loads = 0

    is_alias = True

    def resolve(self) -> str:
        if self.unreachable:
            raise ConnectionError("no route to MLflow")
        return self.address

    def load(self, address: str) -> LoadedModel:
        self.loads += 1
        number = address.rpartition("/")[2]
        return LoadedModel(address, load(self.folder / f"{number}.keras"))


@cache
def decoders() -> DecoderProcesses:
    """Return two decoder processes for all tests."""
    processes = DecoderProcesses(2)
    atexit.register(processes.close)
    return processes


def service_for(registry: FakeSource, **settings: object) -> LabellingService:
    return LabellingService(
        ServeSettings(model="models:/served@champion", **settings), registry, decoders(), "alone"
    )
