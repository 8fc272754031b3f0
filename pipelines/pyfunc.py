"""The model as MLflow serves it: base64 images in, label maps out (models from code).

MLflow runs this file when it loads the model, so it holds the served class and nothing of a
study.
"""

import base64
import io
from importlib.metadata import version
from tempfile import NamedTemporaryFile
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from PIL import Image

PINNED = ("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow", "pydantic", "mlflow")


class FaceParser(mlflow.pyfunc.PythonModel):
    """Takes images as base64 of a JPEG or PNG file; gives base64 of a label PNG of its size.

    An image with an EXIF rotation is turned upright first, and its labels are upright too.
    """

    def load_context(self, context: Any) -> None:
        """Load the network that was logged with the model."""
        from faceseg.predictor import load

        self.predictor = load(context.artifacts["network"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[str]:
        """Return a label PNG (mode L, one id a pixel) for each image."""
        return [self._one(text) for text in model_input.iloc[:, 0]]

    def _one(self, text: str) -> str:
        from faceseg.data.images import read_image

        with NamedTemporaryFile(prefix="faceseg-") as file:  # read as training images are
            file.write(base64.b64decode(text))
            file.flush()
            image = read_image(file.name)
        buffer = io.BytesIO()
        Image.fromarray(self.predictor.predict(image)).save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()


def signature() -> ModelSignature:
    """Return the model's signature: one string column in, one out."""
    text = Schema([ColSpec(DataType.string, "image")])
    return ModelSignature(inputs=text, outputs=Schema([ColSpec(DataType.string)]))


def example() -> dict[str, str]:
    """Return an input of the right form: one grey picture of 32 x 32 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "grey").save(buffer, "PNG")
    return {"image": base64.b64encode(buffer.getvalue()).decode()}


def requirements() -> list[str]:
    """Return the packages the model needs, at the versions it was trained with."""
    return [f"{name}=={version(name)}" for name in PINNED]


mlflow.models.set_model(FaceParser())
