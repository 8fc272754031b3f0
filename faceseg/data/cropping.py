"""The protocol of what crops labelled images to their face before they are packed."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from faceseg.data.classes import ClassSet
from faceseg.data.source import Pair


class Cropper(Protocol):
    """Crops labelled images to their face."""

    def identity(self) -> Mapping[str, JsonValue]:
        """Return its settings; the folder name of a pack is a digest of them."""

    def crop(
        self, image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassSet
    ) -> Pair | None:
        """Return the crop of an image (H, W, 3) and of its labels (H, W); None without a face.

        It is called from several threads at once.
        """
