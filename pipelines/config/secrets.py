"""Passwords stay out of what people read: files, logs, tags and messages."""

import re
from typing import Any

# scheme://user:PASSWORD@host, as databases and servers are addressed
PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]+)@")


def redact(value: Any) -> Any:
    """Return `value` (text, or lists and mappings of it) with passwords in addresses as `***`."""
    if isinstance(value, dict):
        return {key: redact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    if isinstance(value, str):
        return PASSWORD.sub(r"\1:***@", value)
    return value
