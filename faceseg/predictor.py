"""The former address of `faceseg.inference.predictor`.

Models that were registered before the modules moved contain code that imports `load` from here.
"""

from faceseg.inference.predictor import load

__all__ = ["load"]
