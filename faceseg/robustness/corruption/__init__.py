"""The corruption protocol `cor-v1`: noise, blur, light and lossy storage, equal on every worker.

`kinds` is the registry of kinds and severities. Not here: scores and labels; a corruption
does not change the labels.
"""

from faceseg.robustness.corruption.kinds import (
    KINDS,
    SEVERITIES,
    VERSION,
    corrupt,
    corrupt_each,
    severities,
)

__all__ = ["KINDS", "SEVERITIES", "VERSION", "corrupt", "corrupt_each", "severities"]
