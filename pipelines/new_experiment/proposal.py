"""The settings of a new experiment: sizes and lengths that suit its images and its machine.

The lengths come from studies of this repository. A network with a pretrained encoder needs about
3,000 images (epochs times images of `train`) to learn eleven classes at 128 px, and at least
some epochs for comparisons; a search that is half as long ranks settings in the same order.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faceseg.data.class_sets import BUILT_IN
from faceseg.data.classes import ClassSet
from faceseg.robustness.suites import OCCLUSION

DRAWN = {"train": 480, "val": 96, "test": 96}  # images of an experiment without a folder
IMAGES_SEEN = 3000
FINAL_EPOCHS = (8, 60)  # at least and at most
SIDES = {"cpu": 128, "gpu": 256}  # of the network's input, in pixels
DEFAULT_KINDS = ("gray_square", "blob", "eye_band")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The settings of a new experiment.

    Attributes:
        name: Its name.
        folder: The folder of its photographs; None: drawn faces.
        labels: The name of the folder of labels in each split.
        classes: The class set of the labels.
        counts: Images of each split.
        size: Side of the network's input, in pixels.
        final_epochs: Epochs of a final; a trial has half of them.
        trials: Trials of each architecture.
        encoder_weights: `imagenet`, `none`, or a file.
        gpu: Whether each worker has a share of a GPU.
        terms: The terms of use of the photographs, as far as they are known.
    """

    name: str
    folder: Path | None
    labels: str
    classes: ClassSet
    counts: Mapping[str, int]
    size: int
    final_epochs: int
    trials: int
    encoder_weights: str
    gpu: bool
    terms: str = ""

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return math.ceil(self.final_epochs / 2)

    @property
    def batch_sizes(self) -> tuple[int, int]:
        """Small sets need small batches: an epoch has at least some ten steps."""
        train = self.counts["train"]
        smallest = 2 if train < 200 else 4 if train < 2000 else 8
        return smallest, 2 * smallest

    @property
    def kinds(self) -> tuple[str, ...]:
        """The occluders that can be drawn on the classes."""
        possible = OCCLUSION.kinds(self.classes)
        return tuple(kind for kind in DEFAULT_KINDS if kind in possible)

    @property
    def class_set_name(self) -> str:
        """The name of the built-in class set; empty for any other one."""
        return next((name for name, known in BUILT_IN.items() if known == self.classes), "")

    @property
    def resources(self) -> dict[str, float]:
        """Two workers share a GPU; on processors, two workers share the cores."""
        if self.gpu:
            return {"workers": 2, "cpus": 2, "gpus": 0.5}
        cores = os.cpu_count() or 1
        workers = min(2, cores)
        return {"workers": workers, "cpus": cores // workers}


def choose_size(side: int, *, gpu: bool) -> int:
    """Return the side of the network's input: a multiple of 32, no larger than the images."""
    return max(32, min(SIDES["gpu" if gpu else "cpu"], side) // 32 * 32)


def choose_epochs(train: int) -> int:
    """Return the epochs of a final for a number of training images."""
    least, most = FINAL_EPOCHS
    return min(most, max(least, math.ceil(IMAGES_SEEN / train)))
