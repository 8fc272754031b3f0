"""A predictor measured on a split: counts per image, robustness, baselines, slices, records.

The formulas are in `metrics`, the changes to images in `robustness`, intervals in `statistics`.
"""
