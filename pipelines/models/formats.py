"""The export formats, their precisions, and the agreement with Keras that each must reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from faceseg.errors import UserError, check_choice

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"


@dataclass(frozen=True)
class ExportFormat:
    """A file format: the file name in its folder, the runtime, and the supported precisions."""

    file: str
    runtime: str
    precisions: tuple[str, ...]


FORMATS = {
    "onnx": ExportFormat("model.onnx", "ONNX Runtime", (FLOAT32, INT8)),
    "litert": ExportFormat("model.tflite", "LiteRT", (FLOAT32, FLOAT16, INT8)),
    "saved-model": ExportFormat("saved_model", "TensorFlow", (FLOAT32,)),
}

# `tfjs` is the name that users give for inference in a browser.
NO_TENSORFLOW_JS = (
    "there is no format tfjs: TensorFlow.js's converter, tensorflowjs 4.22 of 2024, cannot be "
    "installed beside the TensorFlow that this package uses (it requires "
    "tensorflow-decision-forests, which pins TensorFlow 2.19). For a browser use --format onnx: "
    "onnxruntime-web runs the file and produces Keras's labels; docs/export.md, 'In a browser', "
    "has the JavaScript"
)


@dataclass(frozen=True)
class ExportTarget:
    """A format at a precision."""

    format: str
    precision: str

    @property
    def name(self) -> str:
        """The name of the folder for this format and precision."""
        return f"{self.format}-{self.precision}"


@dataclass(frozen=True)
class AgreementBound:
    """The minimum agreement with Keras (see `export.verification.Agreement`).

    Attributes:
        pixels: Minimum share of pixels with the same label.
        iou: Minimum IoU with the label maps of Keras.
        error: Maximum error of the logits, in standard deviations.
    """

    pixels: float
    iou: float
    error: float


# float32: the same arithmetic in another order; labels differ only where two classes tie.
# float16: weights of 11 bits, about three decimal digits.
# int8: borders move by about a pixel, which costs much IoU for a small class on a small grid.
# Below an IoU of 0.8 the scores measured with Keras no longer describe the exported file.
AGREEMENT_BOUNDS = {
    FLOAT32: AgreementBound(pixels=0.9995, iou=0.998, error=0.01),
    FLOAT16: AgreementBound(pixels=0.998, iou=0.98, error=0.03),
    INT8: AgreementBound(pixels=0.96, iou=0.80, error=0.15),
}


def export_targets(name: str, precisions: Sequence[str]) -> list[ExportTarget]:
    """Return a format at each of the given precisions, without duplicates.

    Raises:
        UserError: The format does not exist, or does not support one of the precisions.
    """
    if name in ("tfjs", "tensorflowjs"):
        raise UserError(NO_TENSORFLOW_JS)
    check_choice("format", name, FORMATS)
    known = FORMATS[name].precisions
    for precision in precisions:
        if precision not in known:
            raise UserError(f"{name} has no precision {precision!r}; expected {' or '.join(known)}")
    return [ExportTarget(name, precision) for precision in dict.fromkeys(precisions)]
