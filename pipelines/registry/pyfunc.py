"""The model as MLflow serves it: base64 images in, label maps out (models from code).

MLflow stores a copy of this file in the model and runs it when it loads the model. The file
therefore imports nothing of `pipelines`; the library that it imports is stored in the model.
"""

import base64
import binascii
import io
from importlib.metadata import version
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

# The packages that the library and this file import; the library itself is stored in the model.
PINNED = ("keras", "numpy", "opencv-python-headless", "pillow", "pydantic", "mlflow")
OPTIONS = {
    "probabilities": False,  # return the probability of each class in place of the labels
    "flip": False,  # average with the prediction for the mirrored image: slower, more stable
    "clean": False,  # remove small islands of a class
}
BATCH = 8  # images per call of the network


class FaceParser(mlflow.pyfunc.PythonModel):
    """Takes images as base64 of an image file; returns label PNGs of their size, in base64.

    The EXIF rotation of an image is applied first, so its labels are upright. With the parameter
    `probabilities` the result is base64 of a `.npy` file, float16 (H, W, C).
    """

    def load_context(self, context: Any) -> None:
        """Load the network that is stored in the model."""
        import faceseg

        self.predictor = faceseg.load(context.artifacts["network"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[str]:
        """Label images.

        Args:
            context: The context of MLflow; unused.
            model_input: One column of images, each as base64 of a file.
            params: The parameters in `OPTIONS`; by default the values there.

        Returns:
            For each image base64 of a label PNG (mode L, one class id per pixel), or of the
            probabilities.

        Raises:
            MlflowException: An input is not an image, with its number. Servers respond with 400.
        """
        options = {**OPTIONS, **(params or {})}
        if options["probabilities"] and options["clean"]:
            raise _refusal("clean removes islands of labels, so it excludes probabilities")
        texts = list(model_input.iloc[:, 0])
        results: list[str] = []
        for first in range(0, len(texts), BATCH):
            part = enumerate(texts[first : first + BATCH], first)
            results += self._encoded([_image(text, number) for number, text in part], options)
        return results

    def _encoded(self, images: list[NDArray[np.uint8]], options: dict[str, Any]) -> list[str]:
        from faceseg.inference.label_maps import label_maps, probability_maps

        flip = bool(options["flip"])
        if options["probabilities"]:
            return [_npy(each) for each in probability_maps(self.predictor, images, flip=flip)]
        maps = label_maps(self.predictor, images, flip=flip, clean=bool(options["clean"]))
        return [_png(each) for each in maps]


def _image(text: str, number: int) -> NDArray[np.uint8]:
    """Decode an image (H, W, 3) from base64, as training images are decoded."""
    from faceseg.data.images import decode_image
    from faceseg.data.problems import BadFile

    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refusal(f"image {number} is not base64 of a file ({error})") from error
    try:
        return decode_image(content, f"image {number}")
    except BadFile as error:
        raise _refusal(f"{error.file}: {error.wrong}; expected {error.expected}") from error


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
    """Return the model's signature: one string column in, one out, and its parameters."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "image")]),
        outputs=Schema([ColSpec(DataType.string)]),
        params=ParamSchema(
            [ParamSpec(name, DataType.boolean, default) for name, default in OPTIONS.items()]
        ),
    )


def input_example() -> dict[str, str]:
    """Return a valid input: a grey image of 32 x 32 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "grey").save(buffer, "PNG")
    return {"image": base64.b64encode(buffer.getvalue()).decode()}


def pip_requirements() -> list[str]:
    """Return the packages that the model needs, at the installed versions.

    The backend of Keras is among them. A local version label, as in torch 2.13.0+cpu, is removed,
    because no package index has it.
    """
    import keras

    names = (keras.backend.backend(), *PINNED)
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


mlflow.models.set_model(FaceParser())
