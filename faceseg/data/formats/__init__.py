"""Readers of the formats in which people have labelled faces, one module for each format."""
