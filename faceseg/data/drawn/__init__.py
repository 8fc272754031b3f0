"""Drawn faces: synthetic pictures with exact labels, made from a seed without any download.

Not here: the occluders of the robustness protocol (`faceseg.robustness.occlusion`).
"""

from faceseg.data.drawn.factors import Factors
from faceseg.data.drawn.painting import DrawnFace, contact_sheet, draw_face, factors_of
from faceseg.data.drawn.source import DrawnFaces, DrawnItem

__all__ = [
    "DrawnFace",
    "DrawnFaces",
    "DrawnItem",
    "Factors",
    "contact_sheet",
    "draw_face",
    "factors_of",
]
