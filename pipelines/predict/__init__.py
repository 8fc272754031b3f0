"""Label photographs and videos on disk: masks, overlays and class shares.

Not here: HTTP (`pipelines.serve`), the demo page (`demo`) and opening a model (`models`).
"""
