"""Labelled images: read, checked, packed once, augmented, and dealt out in batches."""
