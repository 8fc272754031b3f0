"""The occlusion protocol `occ-v1`: occluders drawn without assets, equal on every machine.

`kinds` is the registry of kinds and severities. Not here: scores, and the occluders in
pictures of drawn faces (`faceseg.data.drawn`).
"""

from faceseg.robustness.occlusion.kinds import (
    KINDS,
    REFERENCE_KIND,
    SEVERITIES,
    VERSION,
    has_steps,
    kinds_for,
    severities,
)
from faceseg.robustness.occlusion.occluded_images import (
    POLICIES,
    Occlusion,
    Policy,
    mask_digest,
    occlude,
    occlude_each,
    relabel,
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
