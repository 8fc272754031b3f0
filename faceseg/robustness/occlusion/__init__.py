"""Occlusion protocol `occ-v1`: occluders drawn without assets, the same on every machine."""

from faceseg.robustness.occlusion.digest import mask_digest
from faceseg.robustness.occlusion.drawing import (
    POLICIES,
    Occlusion,
    Policy,
    occlude,
    occlude_each,
    relabel,
)
from faceseg.robustness.occlusion.kinds import (
    KINDS,
    REFERENCE_KIND,
    SEVERITIES,
    VERSION,
    has_steps,
    kinds_for,
    severities,
)

__all__ = [
    "KINDS",
    "POLICIES",
    "REFERENCE_KIND",
    "SEVERITIES",
    "VERSION",
    "Occlusion",
    "Policy",
    "has_steps",
    "kinds_for",
    "mask_digest",
    "occlude",
    "occlude_each",
    "relabel",
    "severities",
]
