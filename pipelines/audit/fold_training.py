"""The network of each fold: trained on the images outside of it, in this process."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.loop import Epoch, NonFiniteLossError, TrainingData, train
from pipelines.audit.fold_images import PackedImages, write_fold
from pipelines.config import Experiment

IMAGES, CHECKPOINTS = "images", "checkpoints"  # folders of a fold


class FoldTrainer:
    """Trains the networks of the folds, one after the other, with one compiled network.

    Args:
        experiment: Its training settings, seed and threads are used.
        network: The name of one of its networks.
        console: Receives a progress bar.
    """

    def __init__(self, experiment: Experiment, network: str, console: Console) -> None:
        architecture, options = experiment.networks[network]
        data = experiment.data
        spec = NetworkSpec(
            architecture=architecture,
            image_size=data.image_size,
            num_classes=len(data.class_set),
            options=options,
        )
        self._experiment = experiment
        self._console = console
        self._compiled = CompiledNetwork(spec, experiment.training)
        self._predictor = Predictor(self._compiled.network, data.class_set)

    def train(
        self, images: PackedImages, rows: NDArray[np.intp], folder: Path, title: str
    ) -> tuple[Predictor, float]:
        """Train on images, or resume an interrupted training of them.

        Args:
            images: All images.
            rows: The indices of those to train on and to validate with.
            folder: The folder of the fold; it keeps the checkpoints.
            title: The label of the progress bar.

        Returns:
            The network of the best epoch, and its validation IoU. The next call changes the
            network.

        Raises:
            UserError: The loss is not finite.
        """
        experiment = self._experiment
        settings = experiment.training
        training, validation = write_fold(images, rows, folder / IMAGES, experiment.seed)
        with _progress(self._console) as progress:
            task = progress.add_task(title, total=100 * settings.epochs, iou="")

            def show_step(epoch: int, percent: int, loss: float) -> None:
                progress.update(task, completed=100 * (epoch - 1) + percent)

            def show_epoch(epoch: Epoch) -> bool:
                iou = f"val IoU {epoch.metrics['val/iou']:.3f}"
                progress.update(task, completed=100 * epoch.number, iou=iou)
                return True

            try:
                outcome = train(
                    self._compiled,
                    settings,
                    TrainingData(training, validation, experiment.data.class_set),
                    seed=experiment.seed,
                    folder=folder / CHECKPOINTS,
                    on_epoch=show_epoch,
                    threads=experiment.resources.threads,
                    on_step=show_step,
                )
            except NonFiniteLossError as error:
                raise UserError(f"{title}: {error}") from error
        return self._predictor, outcome.best_iou

    def remove_files(self, folder: Path) -> None:
        """Remove the copies of the images and the checkpoints of a fold."""
        for name in (IMAGES, CHECKPOINTS):
            shutil.rmtree(folder / name, ignore_errors=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[iou]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
