"""Secrets: removing passwords and tokens from what is printed, logged or stored."""

from typing import Any

from faceseg.errors import without_secrets


def redact(value: Any) -> Any:
    """Return a copy of `value` in which the secrets of addresses are replaced by `***`.

    Args:
        value: Text, or lists, tuples and dicts of it; anything else is returned unchanged.
            A tuple becomes a list.

    Returns:
        The same structure, with `without_secrets` applied to each text.
    """
    if isinstance(value, dict):
        return {key: redact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    return without_secrets(value) if isinstance(value, str) else value


def has_secret(value: Any) -> bool:
    """Return whether an address in `value`, as for `redact`, contains a secret."""
    if isinstance(value, dict):
        return any(has_secret(each) for each in value.values())
    if isinstance(value, list | tuple):
        return any(has_secret(each) for each in value)
    return isinstance(value, str) and without_secrets(value) != value
