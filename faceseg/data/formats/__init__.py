"""Readers of the formats in which people have labelled faces, one module for each format.

`faceseg.data.formats.table` lists them.
"""
