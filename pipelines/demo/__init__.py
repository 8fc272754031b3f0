"""A Gradio page on which to try models, with occluders over the photograph.

Not here: the occluders themselves, which are in `faceseg.robustness`.
"""
