"""Face detection: where the faces of a photograph are, at any size and any rotation."""
