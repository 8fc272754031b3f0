"""Where labelled images come from: a folder of files, drawn faces, or anything like them.

Shapes: H rows, W columns; both may differ from image to image.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Facts = Mapping[str, float | str]


class Item(Protocol):
    """One labelled image. Nothing is decoded or drawn before `read` is called."""

    @property
    def id(self) -> str:
        """The name of the image, unique in its split; the stem of a file."""

    def read(self) -> Pair:
        """Return the RGB image (H, W, 3) and its labels (H, W), both uint8.

        Called from several threads at once. Raises BadFile if the pair cannot be used.
        """

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return what is known of the image besides its pixels, JSON-able; {} if nothing is.

        `labels` (H, W) are what `read` gave: what they contradict is left out. Called for
        images whose originals are kept, from several threads. Names that all sources share:
        `yaw_degrees` (positive looks right in the image), `skin_tone` (0 the lightest, 1 the
        darkest), `occluder` (what lies before the face, or "none"); `landmarks` says what is
        wrong with a file of them, where one should be.
        """


class Source(Protocol):
    """Labelled images in splits."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits: 'train', 'val', 'test', or some of them."""

    def items(self, split: str) -> Sequence[Item]:
        """Return the items of a split, always in the same order."""

    def identity(self) -> Mapping[str, JsonValue]:
        """Return what makes this source itself: it changes whenever an item may have.

        A pack of the source is found again by it, so it must be cheap: no decoding.
        """
