"""What a graphics card makes of faceseg: `infra/gpu-check`, or where everything is installed

    python -m tests.benchmarks.gpu [--backend NAME ...] [--only PART ...] [--out FOLDER] [--cpu]

TensorFlow, JAX and torch are checked where they are installed. `--cpu` runs the same on a
processor at toy size, to show that it works.
"""
