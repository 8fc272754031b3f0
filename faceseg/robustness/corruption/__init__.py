"""Corruptions `cor-v1`: noise, blur, light and lossy storage, the same whatever the worker."""

from faceseg.robustness.corruption.kinds import (
    KINDS,
    SEVERITIES,
    VERSION,
    corrupt,
    corrupt_each,
    severities,
)

__all__ = ["KINDS", "SEVERITIES", "VERSION", "corrupt", "corrupt_each", "severities"]
