"""The protocol of a source of labelled images, such as a folder of files or drawn faces.

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

        It is called from several threads at once.

        Raises:
            BadFile: The pair cannot be used.
        """

    def facts(self, labels: NDArray[np.uint8]) -> Facts:
        """Return the facts about the image that its pixels do not contain, JSON-able.

        It is called from several threads at once, for images whose originals are kept. All
        sources use the same names: `yaw_degrees` (positive looks right in the image),
        `skin_tone` (0 the lightest, 1 the darkest), `occluder` (the object in front of the
        face, or "none") and `landmarks` (why the landmark file is missing or wrong).

        Args:
            labels: The labels (H, W) that `read` returned. Facts that contradict them are
                left out.

        Returns:
            The facts by name; empty if there are none.
        """


class Source(Protocol):
    """Labelled images in splits."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits: 'train', 'val' and 'test', or some of them."""

    def items(self, split: str) -> Sequence[Item]:
        """Return the items of a split, always in the same order."""

    def identity(self) -> Mapping[str, JsonValue]:
        """Return an identity of the content; it changes whenever an item may have changed.

        The folder name of a pack is a digest of it. It is computed at every start, so it must
        be cheap: it must not decode images.
        """

    def notes(self) -> Sequence[str]:
        """Return remarks for the user on the labels' translation, such as exchanged sides.

        It is called after items were read. The manifest of a pack contains the notes.
        """
