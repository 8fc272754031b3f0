"""What keeps a framework from a GPU, with pretended GPUs, drivers and builds."""

import re
from dataclasses import replace

import pytest

from faceseg.backends import gpu_errors
from faceseg.backends.cards import Card, Driver
from faceseg.backends.gpu_checks import (
    CudaBuild,
    check_architecture,
    check_driver,
    check_libraries,
    check_visible,
    first_problem,
)
from faceseg.errors import UserError
from tests.faceseg.backends.pretended_cards import (
    BLACKWELL,
    DIVIDED,
    H100,
    OLD,
    SLICE,
    T4,
    pretend,
)

BUILD = CudaBuild(
    name="TensorFlow 2.21.0",
    cuda=(12, 5),
    targets=("sm_60", "sm_70", "sm_80", "sm_89", "compute_90"),
    remedy="install faceseg[gpu]",
)
TORCH = replace(BUILD, name="torch 2.11.0", targets=("sm_75", "sm_90a", "sm_100"))
DRIVER = Driver(cuda=(12, 8), cards=(H100,))


def test_everything_is_found():
    assert check_driver(DRIVER, BUILD) == "CUDA 12.8, 1 H100 (80 GiB)"
    assert check_libraries(BUILD) == "TensorFlow 2.21.0 with CUDA 12.5"
    assert check_visible(DRIVER, {}) == "1 of 1 GPUs"
    assert check_architecture([H100], BUILD, DRIVER) == (
        "H100 has compute capability 9.0; TensorFlow 2.21.0 contains code for it"
    )
    assert first_problem(DRIVER, BUILD, {}) == ""


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (Driver(error="Driver Not Loaded"), r"\(Driver Not Loaded\); expected .* install the dri"),
        (Driver(cuda=(12, 8)), r"finds no GPU; expected at least one: check `nvidia-smi`"),
        (
            replace(DRIVER, cuda=(11, 4)),
            r"supports CUDA 11\.4; TensorFlow 2\.21\.0 is built for CUDA 12\.5 and expects a "
            r"driver for CUDA 12\.0 or later: install a newer driver",
        ),
    ],
)
def test_a_missing_or_old_driver_is_an_error(driver: Driver, words: str):
    with pytest.raises(UserError, match=words):
        check_driver(driver, BUILD)
    assert first_problem(driver, BUILD, {})


def test_a_driver_of_an_earlier_minor_version_is_enough():
    found = check_driver(replace(DRIVER, cuda=(12, 2)), BUILD)
    assert "built for CUDA 12.5: a newer driver is safer" in found


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (replace(BUILD, cuda=None), "installed without CUDA; expected .*: install faceseg"),
        (
            replace(BUILD, missing=("CUDA's libraries",)),
            r"without CUDA's libraries, which it needs on a GPU: install faceseg\[gpu\]",
        ),
    ],
)
def test_missing_libraries_are_an_error(build: CudaBuild, words: str):
    with pytest.raises(UserError, match=words):
        check_libraries(build)
    assert first_problem(DRIVER, build, {})


@pytest.mark.parametrize("given", ["", "-1", "5"])
def test_hidden_gpus_are_an_error(given: str):
    with pytest.raises(
        UserError,
        match=rf"CUDA_VISIBLE_DEVICES is '{given}', which hides all GPUs of this machine \(1\); "
        "expected .*indices from 0 to 0.*run `unset CUDA_VISIBLE_DEVICES`",
    ):
        check_visible(DRIVER, {"CUDA_VISIBLE_DEVICES": given})
    assert first_problem(DRIVER, BUILD, {"CUDA_VISIBLE_DEVICES": given})


def test_gpus_of_different_kinds_are_reported():
    mixed = Driver(cuda=(12, 8), cards=(H100, T4, T4))
    found = check_driver(mixed, BUILD)
    assert found.startswith("CUDA 12.8, 1 H100 (80 GiB), 2 T4 (16 GiB); a worker may get any")
    assert "To use one kind, set CUDA_VISIBLE_DEVICES to those GPUs before" in found
    assert check_visible(mixed, {"CUDA_VISIBLE_DEVICES": "1,2"}) == "2 of 3 GPUs"


def test_a_divided_gpu_is_reported_unless_its_instances_are_named():
    driver = Driver(cuda=(12, 8), cards=(DIVIDED,))
    assert "only the first instance is used" in check_visible(driver, {})
    named = {"CUDA_VISIBLE_DEVICES": SLICE.uuid}
    assert check_visible(driver, named) == "1 of 1 GPUs"
    assert first_problem(driver, BUILD, named) == ""


@pytest.mark.parametrize(
    ("card", "build", "words"),
    [
        (T4, BUILD, "contains code for it"),  # 7.5 runs code for 7.0
        (BLACKWELL, BUILD, r"is built for 6\.0, 7\.0, 8\.0, 8\.9, 9\.0: it will compile at the "
                           r"first start \(minutes\) or fail"),
        (T4, TORCH, "contains code for it"),
        (H100, TORCH, "contains code for it"),
    ],
)  # fmt: skip
def test_code_or_ptx_for_a_gpu_is_found(card: Card, build: CudaBuild, words: str):
    assert re.search(words, check_architecture([card], build, DRIVER))


@pytest.mark.parametrize(
    ("card", "build"),
    [
        (OLD, BUILD),
        (BLACKWELL, TORCH),  # no PTX
        (replace(T4, capability=(7, 0)), TORCH),  # code for 7.5 does not run on 7.0
        (replace(H100, capability=(9, 1)), replace(TORCH, targets=("sm_90a",))),
    ],
)
def test_a_gpu_without_code_is_an_error(card: Card, build: CudaBuild):
    with pytest.raises(UserError, match=r"cannot use it: install a build for this GPU, try anot"):
        check_architecture([card], build, DRIVER)


def test_an_older_driver_does_not_compile_newer_ptx():
    old = replace(DRIVER, cuda=(12, 2), cards=(BLACKWELL,))
    with pytest.raises(UserError, match=r"that of CUDA 12\.2 does not compile programs of CUDA"):
        check_architecture(old.cards, BUILD, old)


def test_jax_compiles_for_every_gpu():
    jax = CudaBuild(name="JAX 0.10.2", cuda=(13, 0), remedy="")
    assert check_architecture([OLD], jax, DRIVER) == "JAX 0.10.2 compiles its programs for each GPU"


def test_a_workers_error_has_the_reason_and_how_to_run_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
):
    pretend(monkeypatch, H100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    reason = gpu_errors.reason_for_no_gpu(BUILD)
    message = str(gpu_errors.missing_gpu_error(1, "TensorFlow", reason))
    assert "finds none: CUDA_VISIBLE_DEVICES is '-1', which hides all GPUs" in message
    assert message.endswith(". To run on the CPU: --set resources.gpus=0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpu_errors.reason_for_no_gpu(BUILD) == (
        "install faceseg[gpu] on a machine with an NVIDIA driver"
    )
