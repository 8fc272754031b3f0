"""The trial of the comparison of orchestrators: the same function for all of them.

`nothing` reports three values at once, so only the orchestrator's own time remains. `Faces` trains
the quickstart's U-Net on drawn faces at 64 px. `keeps` determines whether its process keeps the
compiled network; a process that ends after a trial cannot.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

EPOCHS = 3
CLASSES, SIZE = 11, (64, 64)
OPTIONS = {"alpha": 0.35, "width": 0.5, "batch_norm_momentum": 0.9}
RATES, BATCH_SIZES = (2e-3, 2e-2), (8, 16)
Report = Callable[[int, float], bool]  # an epoch and its value; returns whether to continue
Settings = Mapping[str, Any]  # learning_rate and batch_size


def nothing(settings: Settings, report: Report) -> float:
    """Report EPOCHS values, higher for a rate near 0.006; return the last."""
    value = 1 / (1 + abs(settings["learning_rate"] / 0.006 - 1))
    for epoch in range(1, EPOCHS + 1):
        if not report(epoch, value * epoch / EPOCHS):
            break
    return float(value)


def make_pack(folder: Path, train: int = 192, val: int = 64) -> Path:
    """Draw the faces and pack them."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    counts = {"train": train, "val": val, "test": 1}
    faces = DrawnFaces(counts=counts, size=128, difficulty=0.7, seed=0)
    return build_pack(faces, folder, LAPA, SIZE, "stop")[0]


class Faces:
    """Trainings on a pack, with `threads`; the network is compiled for each trial unless kept."""

    def __init__(self, pack: Path, epochs: int, threads: int, keeps: bool) -> None:
        self.pack, self.epochs, self.threads, self.keeps = pack, epochs, threads, keeps
        self._kept: Any = None

    def __call__(self, settings: Settings, report: Report) -> float:
        """Train; return the best validation IoU."""
        from faceseg.backends.device import configure_device

        configure_device(self.threads)
        from faceseg.data.classes import LAPA
        from faceseg.data.split import Split
        from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
        from faceseg.training.loop import Epoch, TrainingData, train
        from faceseg.training.settings import TrainingSettings

        given = TrainingSettings.model_validate({"epochs": self.epochs, **settings})
        network = self._kept or CompiledNetwork(
            NetworkSpec(architecture="unet", image_size=SIZE, num_classes=CLASSES, options=OPTIONS),
            given,
        )
        self._kept = network if self.keeps else None

        def tell(epoch: Epoch) -> bool:
            return report(epoch.number, float(epoch.metrics["val/iou"]))

        material = TrainingData(Split(self.pack, "train"), Split(self.pack, "val"), LAPA)
        with TemporaryDirectory() as place:
            outcome = train(
                network,
                given,
                material,
                seed=0,
                folder=Path(place),
                on_epoch=tell,
                threads=self.threads,
            )
        return outcome.best_iou
