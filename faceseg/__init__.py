"""faceseg, the library: data, networks, metrics, robustness and the training of one model.

It knows no Ray, Optuna or MLflow (those live in `pipelines`). Names below load on first
use, so that importing the package costs nothing.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceseg.inference.predictor import load
    from faceseg.networks import build, build_pspnet, build_segnet, build_unet

__all__ = ["build", "build_pspnet", "build_segnet", "build_unet", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'faceseg' has no attribute {name!r}")
    from faceseg.backends import preferred

    os.environ.setdefault("KERAS_BACKEND", preferred())
    module = "faceseg.inference.predictor" if name == "load" else "faceseg.networks"
    return getattr(import_module(module), name)
