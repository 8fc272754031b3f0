"""The model as MLflow serves it: base64 images in, label maps out (models from code).

MLflow runs this file when it loads the model, so it holds the served class and nothing of a
study; the library that it needs travels with the model.
"""

import base64
import binascii
import io
import os
from importlib.metadata import version
from tempfile import NamedTemporaryFile
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from numpy.typing import NDArray
from PIL import Image

# What the library and this file import; the library itself is stored beside the network.
PINNED = ("keras", "numpy", "opencv-python-headless", "pillow", "pydantic", "mlflow")
OPTIONS = {
    "probabilities": False,  # the probability of each class in place of the labels
    "flip": False,  # the mean with the mirrored image: slower, steadier
    "clean": False,  # without crumbs: small islands of a class
}
BATCH = 8  # images that go through the network at once


class FaceParser(mlflow.pyfunc.PythonModel):
    """Takes images as base64 of a JPEG or PNG file; gives base64 of a label PNG of its size.

    An image with an EXIF rotation is turned upright first, and its labels are upright too.
    With the parameter `probabilities`: base64 of a `.npy` file, float16 (H, W, C), instead.
    """

    def load_context(self, context: Any) -> None:
        """Load the network that was logged with the model."""
        from faceseg.backends import preferred

        os.environ.setdefault("KERAS_BACKEND", preferred())
        from faceseg.inference.predictor import load

        self.predictor = load(context.artifacts["network"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[str]:
        """Return a label PNG (mode L, one id a pixel) for each image.

        params: see OPTIONS. Raises MlflowException (400 of a server) naming an image that is none.
        """
        options = {**OPTIONS, **(params or {})}
        if options["probabilities"] and options["clean"]:
            raise _refusal("clean removes islands of labels; probabilities have none: ask for one")
        texts = list(model_input.iloc[:, 0])
        answers: list[str] = []
        for first in range(0, len(texts), BATCH):
            part = enumerate(texts[first : first + BATCH], first)
            answers += self._answers([_image(text, number) for number, text in part], options)
        return answers

    def _answers(self, images: list[NDArray[np.uint8]], options: dict[str, Any]) -> list[str]:
        from faceseg.inference.label_maps import label_maps, probability_maps

        flip = bool(options["flip"])
        if options["probabilities"]:
            return [_npy(each) for each in probability_maps(self.predictor, images, flip=flip)]
        maps = label_maps(self.predictor, images, flip=flip, clean=bool(options["clean"]))
        return [_png(each) for each in maps]


def _image(text: str, number: int) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) that a text is the base64 of, read as training images are."""
    from faceseg.data.images import read_image
    from faceseg.data.problems import BadFile

    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refusal(f"image {number} is no base64 of a file ({error})") from error
    with NamedTemporaryFile(prefix="faceseg-") as file:
        file.write(content)
        file.flush()
        try:
            return read_image(file.name)
        except BadFile as error:
            raise _refusal(f"image {number}: {error.wrong}; expected {error.expected}") from error


def _refusal(message: str) -> MlflowException:
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


def _png(labels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _npy(probabilities: NDArray[np.float32]) -> str:
    buffer = io.BytesIO()
    np.save(buffer, probabilities.astype(np.float16), allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode()


def signature() -> ModelSignature:
    """Return the model's signature: one string column in, one out, and its options."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "image")]),
        outputs=Schema([ColSpec(DataType.string)]),
        params=ParamSchema(
            [ParamSpec(name, DataType.boolean, default) for name, default in OPTIONS.items()]
        ),
    )


def input_example() -> dict[str, str]:
    """Return an input of the right form: one grey picture of 32 x 32 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "grey").save(buffer, "PNG")
    return {"image": base64.b64encode(buffer.getvalue()).decode()}


def pip_requirements() -> list[str]:
    """Return the packages the model needs, at the versions it was trained with: Keras's backend
    among them. A build's own mark (torch 2.13.0+cpu) is left out: no index has it.
    """
    import keras

    names = (keras.backend.backend(), *PINNED)
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


mlflow.models.set_model(FaceParser())
