"""One library on TensorFlow, JAX and torch: equal numbers, and files that load on all three.

    python -m tests.benchmarks.backends [--backends tensorflow jax torch] [--gpu] [--out FOLDER]

Each backend runs in a process of its own (`backend_process`), which does not load the others.
"""
