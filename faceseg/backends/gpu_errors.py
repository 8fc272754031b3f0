"""The errors of a process that was given GPUs which its framework cannot use.

They are errors, not a fallback to the CPU: a study planned for a GPU would silently take a hundred
times as long.
"""

from faceseg.backends.cards import read_driver
from faceseg.backends.gpu_checks import ON_THE_CPU, CudaBuild, first_problem


def missing_gpu_error(gpus: float, backend: str, reason: str) -> RuntimeError:
    """Return the error for a GPU that was requested but does not exist."""
    return RuntimeError(
        f"this worker was given {gpus:g} GPU, but {backend} finds none: {reason}. {ON_THE_CPU}"
    )


def reason_for_no_gpu(build: CudaBuild) -> str:
    """Return why a framework finds no GPU in this process, and what to do."""
    advice = f"{build.remedy} on a machine with an NVIDIA driver"
    return first_problem(read_driver(), build) or advice


def multi_gpu_error(gpus: float, backend: str) -> RuntimeError:
    """Return the error for a backend that cannot distribute one training over several GPUs."""
    return RuntimeError(
        f"this worker was given {gpus:g} GPUs; one training is spread over several GPUs on JAX "
        f"alone, not on {backend}: set KERAS_BACKEND=jax, or resources.gpus to at most 1, or to 0 "
        "to run on the CPU"
    )
