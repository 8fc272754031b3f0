"""The modules of faceseg.metrics."""
