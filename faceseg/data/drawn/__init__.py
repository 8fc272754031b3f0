"""Drawn faces: pictures with exact labels, made from a seed; the data that needs no download."""

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
