"""The modules of faceseg.inference."""
