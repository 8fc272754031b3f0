"""Out-of-memory errors are recognised without loading a framework."""

from collections.abc import Callable

import numpy as np
import pytest

from faceseg.backends.memory import is_out_of_memory


class ResourceExhaustedError(Exception):
    """The same name as TensorFlow's."""


class OutOfMemoryError(RuntimeError):
    """The same name as torch's."""


JAX = RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.")
TENSORFLOW = ResourceExhaustedError("OOM when allocating tensor with shape[32,256,256,64]")
TORCH = OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("error", [MemoryError(), JAX, TENSORFLOW, TORCH])
def test_the_out_of_memory_error_of_every_framework_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_a_real_tensor_and_a_real_array_that_are_too_large_are_recognised() -> None:
    with pytest.raises(MemoryError) as array:
        np.empty(2**60, dtype=np.uint8)
    assert is_out_of_memory(array.value)
    tf = pytest.importorskip("tensorflow", reason="the tensor is TensorFlow's")
    with pytest.raises(tf.errors.ResourceExhaustedError) as tensor:
        tf.zeros((2**20, 2**20, 2**5))  # 128 TiB
    assert is_out_of_memory(tensor.value)


def test_a_lack_of_memory_is_found_in_the_causes_of_an_error() -> None:
    raised = ValueError("no batch could be made")
    raised.__cause__ = MemoryError()
    assert is_out_of_memory(raised)
    raised.__cause__, raised.__context__ = None, MemoryError()
    assert is_out_of_memory(raised)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("the loss is not finite"),
        OSError(28, "No space left on device"),
        ResourceExhaustedError("results/best.keras; No space left on device"),
    ],
)
def test_other_errors_and_a_full_disk_are_not_a_lack_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_no_framework_is_loaded(loaded_frameworks: Callable[[str], list[str]]) -> None:
    code = (
        "from faceseg.backends.memory import is_out_of_memory\n"
        "assert is_out_of_memory(MemoryError())"
    )
    assert loaded_frameworks(code) == []
