"""One library on TensorFlow, JAX and torch: equal numbers, files that travel.

    python -m tests.benchmarks.backends [--backends tensorflow jax torch] [--gpu] [--out FOLDER]

Each backend computes in a process of its own (`child`), so that none sees another.
"""
