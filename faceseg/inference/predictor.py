"""Prediction: photographs of any size in, label maps of the same size out.

Shapes: H, W the photograph's own size; h, w the network's grid; C classes.
A photograph is brought to the grid by area interpolation (linear when it grows), the logits
are brought back bilinearly with pixel centres kept, and the argmax is taken there: labels on
the image's own size are the network's, not an enlarged small map.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image
from faceseg.errors import UserError

if TYPE_CHECKING:
    import keras

Image = NDArray[np.uint8]

_MAX_CHANNELS = 128  # of one image of OpenCV 5
_ROWS_PER_BLOCK = 16  # of a photograph that are labelled at once: small enough for a cache


class Predictor:
    """A network, its grid, its classes, and where it comes from as far as its file says."""

    def __init__(
        self, network: "keras.Model", classes: ClassSet, origin: Mapping[str, Any] | None = None
    ) -> None:
        self.network = network
        self.classes = classes
        self.origin = dict(origin or {})
        self.grid: tuple[int, int] = (network.input_shape[1], network.input_shape[2])

    def logits(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return logits (N, h, w, C) on the network's grid of images of any sizes."""
        batch = np.stack([resize_image(image, self.grid) for image in images])
        return np.asarray(self._predict_batch(batch), dtype=np.float32)

    @cached_property
    def _predict_batch(self) -> Callable[[NDArray[np.uint8]], Any]:
        """The network's answer to a batch: of Keras's networks traced once for batches of any size.

        Keras's own `predict_on_batch` traces for the first two sizes, half a second each.
        """
        network = self.network
        answer: Callable[[NDArray[np.uint8]], Any] = network.predict_on_batch
        if not hasattr(network, "make_predict_function"):  # an exported one: no Keras is loaded
            return answer
        from faceseg.backends.device import trace_function

        shape = (None, *self.grid, 3)
        return trace_function(lambda batch: network(batch, training=False), [shape]) or answer

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Return class probabilities (H, W, C) of one uint8 RGB image (H, W, 3)."""
        return softmax(resize_logits(self._logits(image), image.shape[:2]))

    def predict(self, image: Image) -> NDArray[np.uint8]:
        """Return labels (H, W) of one uint8 RGB image (H, W, 3).

        Raises ValueError for anything else: floats, grey, a batch, no pixels.
        """
        return labels_from_logits(self._logits(image), image.shape[:2])

    def _logits(self, image: Image) -> NDArray[np.float32]:
        colour = image.ndim == 3 and image.shape[2] == 3
        if not colour or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(
                f"expected one uint8 RGB image (H, W, 3), got {image.dtype} {image.shape}"
            )
        logits: NDArray[np.float32] = self.logits([image])[0]
        return logits


def resize_logits(logits: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring logits (h, w, C) to (H, W, C) bilinearly, pixel centres kept (half-pixel)."""
    if logits.shape[:2] == tuple(size):
        return logits
    height, width = size
    parts = [
        cv2.resize(
            logits[..., first : first + _MAX_CHANNELS],
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        ).reshape(height, width, -1)  # OpenCV drops the axis of a single channel
        for first in range(0, logits.shape[2], _MAX_CHANNELS)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, -1), np.float32)


def labels_from_logits(logits: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the labels (H, W) of logits (h, w, C): the argmax of `enlarge`.

    A few rows at a time: the enlarged logits of a large photograph would be gigabytes.
    """
    height, width = size
    wide = resize_logits(logits, (len(logits), width))
    centre = (np.arange(height, dtype=np.float32) + 0.5) * np.float32(len(logits) / height) - 0.5
    above = np.floor(centre).astype(np.int64)
    share = (centre - above).astype(np.float32)[:, None, None]
    upper, lower = np.clip([above, above + 1], 0, len(logits) - 1)
    labels = np.empty((height, width), np.uint8)
    for first in range(0, height, _ROWS_PER_BLOCK):
        rows = slice(first, first + _ROWS_PER_BLOCK)
        mixed, top = wide[lower[rows]], wide[upper[rows]]
        mixed -= top
        mixed *= share[rows]
        mixed += top
        labels[rows] = mixed.argmax(axis=-1)
    return labels


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits (..., C)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def load(path: str | Path) -> Predictor:
    """Load a predictor from a `.keras` file or a registry address (`models:/…`, `runs:/…`)."""
    from faceseg.networks import saving

    if str(path).startswith(("models:/", "runs:/", "mlflow-artifacts:/")):
        path = _download(str(path))
    path = Path(path)
    if path.is_dir():
        path = _only_keras_file(path)
    return Predictor(*saving.load_network(path))


def _download(address: str) -> Path:
    # The one place where the library may meet MLflow: an address of MLflow's was given.
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri=address))


def _only_keras_file(folder: Path) -> Path:
    found = sorted(folder.rglob("*.keras"))
    if len(found) != 1:
        raise UserError(f"{folder} holds {len(found)} .keras files; expected exactly one")
    return found[0]


Labels = NDArray[np.uint8]


LabelledImage = tuple[NDArray[np.uint8], Labels]


def original_size_logits(
    predictor: Predictor, cases: Iterable[LabelledImage], batch_size: int = 16
) -> Iterator[tuple[Labels, NDArray[np.float32]]]:
    """Yield truth (H, W) and logits (H, W, C) for pairs of image and truth, in their order."""
    waiting = iter(cases)
    while chunk := list(islice(waiting, batch_size)):
        batch = predictor.logits([image for image, _ in chunk])
        for (_, truth), logits in zip(chunk, batch, strict=True):
            yield truth, resize_logits(logits, truth.shape)
