"""The modules of faceseg.evaluation."""
