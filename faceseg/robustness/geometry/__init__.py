"""The geometry protocol `geo-v1`: resolution, framing, roll, flip and shift.

`kinds` is the registry of kinds and severities. Not here: scores; a `View` in
`faceseg.robustness.suites` combines a moved image with the labels to score it by.
"""

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
