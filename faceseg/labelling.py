"""The former address of `faceseg.inference.label_maps`.

Models that were registered before the modules moved contain code that imports these functions
from here.
"""

from faceseg.inference.label_maps import label_maps, probability_maps

__all__ = ["label_maps", "probability_maps"]
