"""Geometry `geo-v1`: less detail, nearer and further, rolled, mirrored, shifted."""

from faceseg.robustness.geometry.kinds import (
    CONSISTENCY,
    KINDS,
    VERSION,
    moves_for,
    neutral,
    severities,
)
from faceseg.robustness.geometry.moves import Move

__all__ = [
    "CONSISTENCY",
    "KINDS",
    "VERSION",
    "Move",
    "moves_for",
    "neutral",
    "severities",
]
