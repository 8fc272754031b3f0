"""The occluders of training images, `occ-train-v1`: drawn objects in front of the face.

Robustness is judged on kinds that a network was not trained on. So this suite shares no kind, no
shape and no code with `occ-v1` (`faceseg.robustness.occlusion`); an import contract keeps them
apart. Objects are drawn once as stamps (`stamps`, `objects`), and an image's occluder is one
stamp that is coloured, rotated, scaled and pasted (`placement`).
"""

from faceseg.data.training_occluders.placement import TrainingOccluders, occlude
from faceseg.data.training_occluders.settings import KINDS, VERSION, Kind, Occluders

__all__ = ["KINDS", "VERSION", "Kind", "Occluders", "TrainingOccluders", "occlude"]
