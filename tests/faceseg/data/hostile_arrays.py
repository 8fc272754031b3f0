"""Beginnings of `.npy` files that announce more than the files contain."""

import io

import numpy as np


def array_header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    """Return the beginning of an `.npy` file of this shape and type."""
    file = io.BytesIO()
    facts = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)
    return file.getvalue()
