"""Prediction: photographs of any size in, label maps of the same size out.

A photograph is resized to the grid by area interpolation (linear if it is enlarged), the logits are
resized back bilinearly with pixel centres kept, and the argmax is taken there. So the labels have
the photograph's own resolution and are not an enlarged small map.

Shapes: N photographs; H, W the photograph's own size; h, w the network's grid; C classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.image_files import is_passed_over
from faceseg.data.images import resize_image
from faceseg.data.padding import pad_images
from faceseg.errors import UserError, first_line
from faceseg.inference.channels import by_channels

if TYPE_CHECKING:
    import keras

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

_VALUES_PER_BLOCK = 2**18  # logits of a photograph that are resized at once, 1 MiB: a CPU cache


class Predictor:
    """A trained network that predicts photographs of any size.

    Attributes:
        network: The network; its input is a batch (N, h, w, 3) of uint8 RGB.
        classes: The classes of its outputs.
        origin: The metadata of its file (architecture, seed, scores …), or empty.
        grid: The size (h, w) of the network's input in pixels.

    Example:
        >>> predictor = faceseg.load("best.keras")
        >>> labels = predictor.predict(image)
    """

    def __init__(
        self, network: "keras.Model", classes: ClassSet, origin: Mapping[str, Any] | None = None
    ) -> None:
        self.network = network
        self.classes = classes
        self.origin = dict(origin or {})
        self.grid: tuple[int, int] = (network.input_shape[1], network.input_shape[2])

    def logits(self, images: Sequence[Image], usual: int = 0) -> NDArray[np.float32]:
        """Return logits (N, h, w, C) on the network's grid for images of any sizes.

        Args:
            images: The images.
            usual: The number of images of the caller's other batches. If another size has to be
                compiled, a smaller batch is filled up to it; the result has no more images.
        """
        batch = np.stack([resize_image(image, self.grid) for image in images])
        if self.compiles_each_size:
            batch = pad_images(batch, usual)
        return np.asarray(self._predict_batch(batch), dtype=np.float32)[: len(images)]

    @cached_property
    def compiles_each_size(self) -> bool:
        """Whether a prediction is compiled again for every number of images."""
        if not hasattr(self.network, "make_predict_function"):  # exported: must not load Keras
            return bool(getattr(self.network, "compiles_each_size", False))
        from faceseg.backends.device import compiles_each_size

        return compiles_each_size()

    @cached_property
    def _predict_batch(self) -> Callable[[NDArray[np.uint8]], Any]:
        """The function from a batch to logits. A Keras network is traced once for all batch sizes.

        Keras's own `predict_on_batch` traces for the first two batch sizes, half a second each.
        """
        network = self.network
        predict: Callable[[NDArray[np.uint8]], Any] = network.predict_on_batch
        if not hasattr(network, "make_predict_function"):  # exported: must not load Keras
            return predict
        from faceseg.backends.device import trace_function

        shape = (None, *self.grid, 3)
        return trace_function(lambda batch: network(batch, training=False), [shape]) or predict

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Return class probabilities (H, W, C) of an image; `predict` defines valid images."""
        return softmax(resize_logits(self._logits(image), image.shape[:2]))

    def predict(self, image: Image) -> Labels:
        """Return the labels (H, W) of one uint8 RGB image (H, W, 3).

        Raises:
            ValueError: The image has another type or shape (float, grey, a batch) or no pixels.

        Example:
            >>> left_eye = predictor.predict(image) == predictor.classes.names.index("left_eye")
        """
        return labels_from_logits(self._logits(image), image.shape[:2])

    def mirrored(self) -> "Predictor":
        """Return a predictor of the mean for an image and its mirror image, in twice the time."""
        from faceseg.inference.mirrored import MirroredPredictor

        return MirroredPredictor(self)

    @property
    def of_crops(self) -> "Predictor":
        """The predictor of images that are cropped to a face already."""
        return self

    def check_image(self, image: Image) -> None:
        """Raise ValueError unless an image is one that `predict` takes."""
        colour = image.ndim == 3 and image.shape[2] == 3
        if not colour or image.dtype != np.uint8 or image.size == 0:
            given = f"{image.dtype} {image.shape}"
            raise ValueError(f"expected one uint8 RGB image (H, W, 3), got {given}")

    def _logits(self, image: Image) -> NDArray[np.float32]:
        self.check_image(image)
        return np.asarray(self.logits([image])[0])


def resize_logits(logits: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Resize logits (h, w, C) to (H, W, C) bilinearly, pixel centres kept (half-pixel)."""
    if logits.shape[:2] == tuple(size):
        return logits
    height, width = size
    return by_channels(
        lambda part: cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), logits
    )


def labels_from_logits(logits: NDArray[np.float32], size: tuple[int, ...]) -> Labels:
    """Return the labels (H, W) of logits (h, w, C): the argmax of `resize_logits`."""
    labels = np.empty(size, np.uint8)
    for rows, block in resized_blocks(logits, size):
        labels[rows] = argmax_labels(block)
    return labels


def resized_blocks(
    logits: NDArray[np.float32], size: tuple[int, ...]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield `resize_logits` a few rows at a time, each block with its place.

    The resized logits of a large photograph would take gigabytes; a block fits into a CPU cache.
    On x86 the values are those of OpenCV to the bit: its order, positions and rounding are
    repeated. Only for 1, 3 and 4 channels it may call a library that rounds in another way.
    """
    height, width = size
    if height * width * logits.shape[2] <= _VALUES_PER_BLOCK or logits.shape[:2] == tuple(size):
        yield slice(height), resize_logits(logits, size)
        return
    wide = resize_logits(logits, (len(logits), width))
    centre = (np.arange(height) + 0.5) * (len(logits) / height) - 0.5
    centre = centre.astype(np.float32)
    above = np.floor(centre)
    lower_share = (centre - above)[:, None, None]
    upper_share = 1 - lower_share
    upper, lower = np.clip([above, above + 1], 0, len(logits) - 1).astype(np.intp)
    step = max(1, _VALUES_PER_BLOCK // (width * logits.shape[2]))
    for first in range(0, height, step):
        rows = slice(first, first + step)
        mixed, below = wide[upper[rows]], wide[lower[rows]]
        mixed *= upper_share[rows]
        below *= lower_share[rows]
        mixed += below
        yield rows, mixed


def argmax_labels(logits: NDArray[np.float32]) -> Labels:
    """Return the class of the largest of logits (H, W, C), the first of equal ones: (H, W).

    It compares whole planes of classes: `np.argmax` takes up to twice as long, on noise.
    """
    best, *others = np.ascontiguousarray(logits.transpose(2, 0, 1))
    labels = np.zeros(best.shape, np.uint8)
    for number, plane in enumerate(others, start=1):
        larger = (plane > best).view(np.uint8)
        larger *= np.uint8(number)
        np.maximum(labels, larger, out=labels)  # later classes have greater numbers
        np.maximum(best, plane, out=best)
    return labels


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits (..., C)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def load(path: str | Path) -> Predictor:
    """Load a trained network for prediction.

    Args:
        path: A `.keras` file, a folder that contains exactly one, or an MLflow address
            (`models:/NAME@ALIAS`, `runs:/ID/model`).

    Returns:
        A predictor; `predict(image)` takes uint8 RGB (H, W, 3) and returns labels (H, W).

    Raises:
        UserError: The file does not exist, is damaged, or contains code; or MLflow has no such
            network.

    Example:
        >>> labels = faceseg.load("models:/faceseg@champion").predict(image)
    """
    from faceseg.inference.face_box import predictor_of
    from faceseg.networks import saving

    if str(path).startswith(("models:/", "runs:/", "mlflow-artifacts:/")):
        path = _download(str(path))
    path = Path(path)
    if path.is_dir():
        path = _only_keras_file(path)
    return predictor_of(*saving.load_network(path))


def _download(address: str) -> Path:
    # The only import of MLflow in the library: the user gave an MLflow address.
    import mlflow
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(download_artifacts(artifact_uri=address))
    except MlflowException as error:
        raise UserError(
            f"{address} cannot be loaded from MLflow at {mlflow.get_tracking_uri()}: "
            f"{first_line(error)}. Set MLFLOW_TRACKING_URI to the store of the model; that of a "
            "study is mlflow.db in its storage: sqlite:///results/mlflow.db"
        ) from error


def _only_keras_file(folder: Path) -> Path:
    found = [each for each in sorted(folder.rglob("*.keras")) if not is_passed_over(each.name)]
    if len(found) != 1:
        raise UserError(f"{folder} contains {len(found)} .keras files; expected exactly one")
    return found[0]
