"""Which files can be made, at which precisions, and how far they may depart from Keras."""

from collections.abc import Sequence
from dataclasses import dataclass

from faceseg.errors import UserError

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"


@dataclass(frozen=True)
class ExportFormat:
    """A kind of file: what it is called in its folder, who runs it, its precisions."""

    file: str
    runtime: str
    precisions: tuple[str, ...]


FORMATS = {
    "onnx": ExportFormat("model.onnx", "ONNX Runtime", (FLOAT32, INT8)),
    "litert": ExportFormat("model.tflite", "LiteRT", (FLOAT32, FLOAT16, INT8)),
    "saved-model": ExportFormat("saved_model", "TensorFlow", (FLOAT32,)),
}

# Asked for by the old name of inference in a browser.
NO_TENSORFLOW_JS = (
    "there is no format tfjs: TensorFlow.js's converter, tensorflowjs 4.22 of 2024, cannot be "
    "installed beside the TensorFlow that trains here (it wants tensorflow-decision-forests, "
    "which pins TensorFlow 2.19). For a browser take --format onnx: onnxruntime-web runs the file, "
    "with Keras's labels; docs/export.md, 'In a browser', has the JavaScript"
)


@dataclass(frozen=True)
class ExportTarget:
    """A format at a precision."""

    format: str
    precision: str

    @property
    def name(self) -> str:
        """What the folder of such a file is called."""
        return f"{self.format}-{self.precision}"


@dataclass(frozen=True)
class AgreementBound:
    """The least agreement with Keras at which a file is kept (see `agreement.Agreement`)."""

    pixels: float
    iou: float
    error: float


# float32: the same arithmetic in another order; only pixels on which two classes tie may turn.
# float16: weights of 11 bits, about three decimal digits.
# int8: borders move by about a pixel, which a small class on a small grid feels. Below an IoU of
# 0.8 the file answers as another network would, and that one's scores nobody has taken.
AGREEMENT_BOUNDS = {
    FLOAT32: AgreementBound(pixels=0.9995, iou=0.998, error=0.01),
    FLOAT16: AgreementBound(pixels=0.998, iou=0.98, error=0.03),
    INT8: AgreementBound(pixels=0.96, iou=0.80, error=0.15),
}


def export_targets(name: str, precisions: Sequence[str]) -> list[ExportTarget]:
    """Return a format at each of these precisions, each once.

    UserError if there is no such format, or it has not all of them.
    """
    if name in ("tfjs", "tensorflowjs"):
        raise UserError(NO_TENSORFLOW_JS)
    from faceseg.errors import check_choice  # loads a framework, `is_exported` does not

    check_choice("format", name, FORMATS)
    known = FORMATS[name].precisions
    for precision in precisions:
        if precision not in known:
            raise UserError(f"{name} has no precision {precision!r}; expected {' or '.join(known)}")
    return [ExportTarget(name, precision) for precision in dict.fromkeys(precisions)]
