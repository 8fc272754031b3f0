"""From an experiment's data section to packed images: the download of LaPa, and the packing stage.

Not here: reading, checking and drawing images (faceseg.data).
"""
