"""Asking the coordinator: the call is made again while it restarts, and errors come as they are."""

import time
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayTaskError

from faceseg.errors import UserError

PAUSE = 1.0  # seconds between two questions


def ask(method: Any, *arguments: Any, timeout: float | None = None, **options: Any) -> Any:
    """Return what the coordinator's `method` returns.

    Its calls can all be repeated. A UserError is raised as itself, not wrapped in Ray's
    traceback. Raises ray.exceptions.GetTimeoutError after `timeout` seconds.
    """
    while True:
        try:
            return ray.get(method.remote(*arguments, **options), timeout=timeout)
        except ActorUnavailableError:
            time.sleep(PAUSE)
        except RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            raise
