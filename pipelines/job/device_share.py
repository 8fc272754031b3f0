"""The share of the machine that a process of a study uses."""

from typing import TYPE_CHECKING

from faceseg.errors import UserError
from pipelines.config import Resources

if TYPE_CHECKING:
    from faceseg.backends.device import Device


def use_share(resources: Resources) -> "Device":
    """Limit this process to the threads and the GPUs of a worker.

    Args:
        resources: What each worker gets.

    Returns:
        The device in use.

    Raises:
        UserError: A GPU was requested that this process cannot use; the message has the reason.
    """
    from faceseg.backends.device import configure_device  # loads a framework

    try:
        return configure_device(resources.threads, resources.gpus)
    except RuntimeError as error:
        raise UserError(str(error)) from error
