"""TensorFlow, whose threads and graphics memory must be set before the first tensor is made.

The functions are described in `faceseg.backends.device`.
"""

import ctypes
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from faceseg.backends.cards import first_visible_memory
from faceseg.backends.device import Device, memory_fraction
from faceseg.backends.gpu_checks import CudaBuild
from faceseg.backends.gpu_errors import missing_gpu_error, multi_gpu_error, reason_for_no_gpu

MIB = 2**20
COUNTER_TYPE = "int64"  # int32 variables are kept in host memory
COMPILES_EACH_SIZE = False


def configure_device(threads: int, gpus: float) -> Device:
    """Limit this process; see `faceseg.backends.device.configure_device`."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(max(1, min(2, threads)))
    except RuntimeError:
        # TensorFlow has started already: the first call of the process has set the threads.
        threads = tf.config.threading.get_intra_op_parallelism_threads()
    if gpus <= 0:
        tf.config.set_visible_devices([], "GPU")
        return Device(kind="cpu", name="cpu", threads=threads)
    if gpus > 1:
        raise multi_gpu_error(gpus, "TensorFlow")
    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        raise missing_gpu_error(gpus, "TensorFlow", reason_for_no_gpu(cuda_build()))
    _limit_memory(devices[0], gpus)
    details = tf.config.experimental.get_device_details(devices[0])
    name = str(details.get("device_name", "gpu"))
    return Device(kind="gpu", name=name, threads=threads, gpus=1)


def compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first visible GPU; None if no GPU is visible."""
    devices = tf.config.get_visible_devices("GPU")
    if not devices:
        return None
    capability = tf.config.experimental.get_device_details(devices[0]).get("compute_capability")
    return (int(capability[0]), int(capability[1])) if capability else None


def jit() -> Literal["auto", False]:
    """Return False if no GPU is visible; see `faceseg.backends.device.jit`.

    Keras's own "auto" considers all GPUs of the machine, including those hidden from this process,
    and would compile for the CPU with XLA: 0.41 times the speed (reference U-Net, 256 px, batch 8).
    """
    return "auto" if tf.config.get_visible_devices("GPU") else False


def trace_function(
    function: Callable[..., Any],
    shapes: Sequence[tuple[int | None, ...]],
    *,
    jit: bool,
    types: Sequence[str],
) -> Callable[..., Any]:
    """Return `function` traced once; see `faceseg.backends.device.trace_function`."""
    signature = [tf.TensorSpec(*each) for each in zip(shapes, types, strict=True)]
    traced: Callable[..., Any] = tf.function(
        function, input_signature=signature, jit_compile=jit, autograph=False
    )
    return traced


def after_step(
    _: keras.Model, step: Callable[..., Any], update: Callable[[], None]
) -> Callable[..., Any]:
    """Return a step with an update at its end; see `faceseg.backends.device.after_step`."""

    def extended(*given: Any) -> Any:
        logs = step(*given)
        update()
        return logs

    return extended


def fused_adam() -> Callable[..., None]:
    """Return an operation that updates one variable; see `faceseg.backends.device.fused_adam`."""

    def apply(
        variable: Any,
        first: Any,
        second: Any,
        gradient: Any,
        *,
        rate: Any,
        betas: tuple[float, float],
        epsilon: float,
    ) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=(variable.value if isinstance(variable, keras.Variable) else variable).handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=0.0,
            beta2_power=0.0,
            lr=rate,
            beta1=betas[0],
            beta2=betas[1],
            epsilon=epsilon,
            grad=gradient,
        )

    return apply


def fused_batch_norm() -> Callable[..., tuple[Any, Any, Any]]:
    """Return an operation for one layer; see `faceseg.backends.device.fused_batch_norm`."""
    nothing = np.zeros(0, np.float32)

    def normalise(
        inputs: Any, scale: Any, offset: Any, moving: tuple[Any, Any] | None, epsilon: float
    ) -> tuple[Any, Any, Any]:
        mean, variance = moving or (nothing, nothing)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(scale, tf.float32),
            offset=tf.convert_to_tensor(offset, tf.float32),
            mean=tf.convert_to_tensor(mean, tf.float32),
            variance=tf.convert_to_tensor(variance, tf.float32),
            epsilon=epsilon,
            is_training=moving is None,
        )
        if moving is None:
            # TensorFlow returns the unbiased variance, which is n / (n - 1) times the biased one.
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
            variance = variance * (count - 1) / count
        return outputs, mean, variance

    return normalise


def build_scope() -> AbstractContextManager[None]:
    """Return a context without effect: arrays are made on the device that uses them."""
    return nullcontext()


def version() -> str:
    """Return the version of TensorFlow."""
    return str(tf.__version__)


def peak_memory() -> int | None:
    """Return the allocator's peak; see `faceseg.backends.device.peak_memory`."""
    if not tf.config.get_visible_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def cuda_build() -> CudaBuild:
    """Return what TensorFlow was built for; see `faceseg.backends.device.cuda_build`."""
    info = tf.sysconfig.get_build_info()
    cuda = None
    if info.get("is_cuda_build"):
        major, minor = (int(part) for part in str(info["cuda_version"]).split(".")[:2])
        cuda = major, minor
    return CudaBuild(
        name=f"TensorFlow {version()}",
        cuda=cuda,
        targets=tuple(info.get("cuda_compute_capabilities", ())),
        missing=_missing_libraries(cuda[0], str(info["cudnn_version"])) if cuda else (),
        remedy="install faceseg[gpu]",
    )


def _missing_libraries(cuda: int, cudnn: str) -> tuple[str, ...]:
    """Return which of CUDA's libraries are installed neither as packages nor in the system."""
    missing = [name for name in _cuda_packages() if not _is_installed(name)]
    libraries = (f"libcudart.so.{cuda}", f"libcudnn.so.{cudnn.partition('.')[0]}")
    if not missing or all(_loads(library) for library in libraries):
        return ()
    return (f"CUDA's libraries ({len(missing)} packages, among them {missing[0]})",)


def _cuda_packages() -> list[str]:
    """Return the packages of TensorFlow's extra `and-cuda`; cuDNN's alone if it has none."""
    try:
        lines = metadata.requires("tensorflow") or []
    except metadata.PackageNotFoundError:  # a build of another name
        lines = []
    names = [re.split(r"[^\w.-]", line)[0] for line in lines if "and-cuda" in line]
    return names or ["nvidia-cudnn-cu12"]


def _is_installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _limit_memory(device: Any, gpus: float) -> None:
    """Let the memory of a whole GPU grow as needed; limit that of a shared GPU to the share.

    TensorFlow reports the memory only after it has started, when limits can no longer be set.
    """
    if gpus >= 1:
        tf.config.experimental.set_memory_growth(device, True)
        return
    limit = int(first_visible_memory() * memory_fraction(gpus) / MIB)
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration(memory_limit=limit)]
    )
