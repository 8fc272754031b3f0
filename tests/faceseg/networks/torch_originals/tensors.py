"""Tensors drawn by name, and the `.safetensors` format."""

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CLASSES = 5
SIZE = 64
STEP = 16  # golden logits are every 16th pixel's


def draw(name: str, shape: Iterable[int]) -> Array:
    """Return a tensor of torch: He's kernels, and scales, offsets and statistics not of 0 and 1."""
    random, shape = np.random.default_rng(zlib.crc32(name.encode())), tuple(shape)
    if len(shape) > 1:
        values = random.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
    elif name.endswith(("bias", "running_mean")):
        values = random.normal(0, 0.1, shape)
    else:
        values = random.uniform(0.5, 1.5, shape)
    return values.astype(np.float32)


def photographs(count: int = 1) -> NDArray[np.uint8]:
    """Return coarse noise, uint8 (count, SIZE, SIZE, 3)."""
    coarse = np.random.default_rng(5).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> Path:
    """Write float32 tensors in the format that github.com/huggingface/safetensors describes."""
    header, start = {}, 0
    for name, value in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [start, start + value.nbytes],
        }
        start += value.nbytes
    text = json.dumps(header).encode()
    body = b"".join(np.ascontiguousarray(each).tobytes() for each in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path
