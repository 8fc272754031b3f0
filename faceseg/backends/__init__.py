"""What TensorFlow, JAX and torch do differently: devices, memory, precision, tracing, fused steps.

Layers, losses and training steps are written with `keras.ops` and are in `networks` and `training`.

Each of the modules `tensorflow`, `jax` and `torch` defines the same functions.
`faceseg.backends.device` calls those of the backend that Keras runs on; no other module of the
library names a backend.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec

from faceseg.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")  # in the order of preference


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the backend that Keras should run on, without loading it.

    Keras's own variable KERAS_BACKEND takes precedence. Without it the first installed backend is
    chosen, so a machine that has only JAX needs no setting.
    """
    if given := environment.get("KERAS_BACKEND"):
        return given
    return next((name for name in BACKENDS if find_spec(name) is not None), BACKENDS[0])


def check_backend() -> None:
    """Check that the preferred backend is one of Keras's and is installed.

    Raises:
        UserError: Keras has no such backend, or it is not installed. The message lists the
            installed ones.
    """
    name = preferred()
    if name not in BACKENDS:
        raise UserError(f"KERAS_BACKEND is {name!r}; expected one of {', '.join(BACKENDS)}")
    if find_spec(name) is None:
        installed = [each for each in BACKENDS if find_spec(each)]
        raise UserError(
            f"Keras is to run on {name}, which is not installed here; installed: "
            f"{', '.join(installed) or 'no backend'}. Install it, or set KERAS_BACKEND to one "
            "that is"
        )
