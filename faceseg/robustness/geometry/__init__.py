"""Geometry `geo-v1`: less detail, nearer and further, rolled, mirrored, shifted."""

from faceseg.robustness.geometry.kinds import (
    CONSISTENCY,
    KINDS,
    VERSION,
    moves,
    neutral,
    severities,
)
from faceseg.robustness.geometry.move import Move

__all__ = [
    "CONSISTENCY",
    "KINDS",
    "VERSION",
    "Move",
    "moves",
    "neutral",
    "severities",
]
