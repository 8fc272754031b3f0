"""The packages that only exporting needs, and what is said where one is missing."""

from importlib import import_module
from typing import Any

from faceseg.errors import UserError


def needed(module: str) -> Any:
    """Import a module of the extra `export`; UserError saying how to install it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"exported files need the package {error.name}, which is not installed; "
            "install it with: pip install 'faceseg[export]'"
        ) from error
