"""Writing an experiment's file for a folder of photographs: `faceseg init`.

Not here: reading an experiment (config) and packing its images (data).
"""
