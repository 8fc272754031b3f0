"""What the comparisons with torch's networks share: weights drawn by name, and golden values.

`tests.benchmarks.torch_originals` runs torch's networks with these weights and writes their logits
into the `.json` files of this folder; `tests/faceseg/networks/test_torch_originals.py` builds the
networks of faceseg with the same weights. Each tensor is drawn from a seed that depends on its
name alone, so no weights are stored, and a wrong name gives other logits.
"""
