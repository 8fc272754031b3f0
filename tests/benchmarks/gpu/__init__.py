"""The check of faceseg on a GPU: `infra/gpu-check`, or, if all packages are installed,

    python -m tests.benchmarks.gpu [--backend NAME ...] [--only PART ...] [--out FOLDER] [--cpu]

The installed ones of TensorFlow, JAX and torch are checked. `--cpu` runs the same at small size on
a CPU, to test the check itself.
"""
