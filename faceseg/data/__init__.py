"""Labelled images: sources, reading and checking files, packs, augmentation and batches.

Not here: networks, metrics, and the download of data sets (`pipelines.data`).
"""
