"""faceseg, the library: data, networks, metrics, robustness and the training of one model.

It does not use Ray, Optuna or MLflow; those belong to `pipelines`. The names in `__all__` are
loaded on first use, so importing the package loads no framework.

Example:
    >>> import faceseg
    >>> network = faceseg.build_unet(input_shape=(256, 256, 3), num_classes=11)
    >>> labels = faceseg.load("models:/faceseg@champion").predict(image)
    >>> counts = faceseg.metrics.confusion(true_labels, labels, num_classes=11)
    >>> faceseg.metrics.class_iou(counts)
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceseg import metrics
    from faceseg.errors import UserError
    from faceseg.inference.predictor import load
    from faceseg.networks import build, build_pspnet, build_segnet, build_unet

__all__ = [
    "UserError",
    "build",
    "build_pspnet",
    "build_segnet",
    "build_unet",
    "load",
    "metrics",
]
__version__ = "0.2.0"

_MODULES = {
    "UserError": "faceseg.errors",
    "build": "faceseg.networks",
    "build_pspnet": "faceseg.networks",
    "build_segnet": "faceseg.networks",
    "build_unet": "faceseg.networks",
    "load": "faceseg.inference.predictor",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("faceseg.metrics")
    if name not in _MODULES:
        raise AttributeError(f"module 'faceseg' has no attribute {name!r}")
    from faceseg.backends import preferred

    os.environ.setdefault("KERAS_BACKEND", preferred())
    return getattr(import_module(_MODULES[name]), name)
