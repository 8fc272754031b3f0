"""`faceseg audit`: the labels that are most likely wrong, found by networks not trained on them.

Not here: the evidence against a label map and the ranking (`faceseg.evaluation`), and the checks of
single files that need no network (`faceseg.data`).
"""
