"""What TensorFlow, JAX and torch each do in their own way: one module a backend, same functions.

`claim(threads, gpus)` takes threads and a share of a card, `version()` names what computes,
`capability()` tells how new the card is. `faceseg.backends.device` asks the one that Keras runs on;
nothing else in the library names a backend.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec

from faceseg.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")  # in the order of preference


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the backend that Keras should run on, without loading any.

    KERAS_BACKEND, Keras's own variable, has the word; without it the first that is installed:
    a machine that holds JAX alone then needs no setting.
    """
    if given := environment.get("KERAS_BACKEND"):
        return given
    return next((name for name in BACKENDS if find_spec(name) is not None), BACKENDS[0])


def check_backend() -> None:
    """Raise UserError if the preferred backend is none of Keras's, or is not installed here."""
    name = preferred()
    if name not in BACKENDS:
        raise UserError(f"KERAS_BACKEND is {name!r}; expected one of {', '.join(BACKENDS)}")
    if find_spec(name) is None:
        there = [each for each in BACKENDS if find_spec(each)]
        raise UserError(
            f"Keras is to run on {name}, which is not installed here; installed: "
            f"{', '.join(there) or 'no backend'}. Install it, or set KERAS_BACKEND to one that is"
        )
