"""`faceseg doctor`: what a study needs, tried out on every node before hours are spent."""
