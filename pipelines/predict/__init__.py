"""Photographs and videos labelled with a trained network."""
