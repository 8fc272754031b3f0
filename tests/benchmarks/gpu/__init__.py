"""What a graphics card makes of faceseg: `infra/gpu-check`, or where everything is installed

    python -m tests.benchmarks.gpu [--out FOLDER] [--seconds 540] [--cpu]

TensorFlow is not asked: the check is for machines that hold JAX and torch. `--cpu` runs all of it
on a processor, at toy size, to see that it works.
"""
