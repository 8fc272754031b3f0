"""What can keep a framework from a GPU: each check returns its finding, or raises UserError.

`faceseg doctor` runs all of them. The error of a worker that finds no GPU contains the first that
fails, in the same words.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faceseg.backends.cards import VISIBLE, Card, Driver, visible_cards
from faceseg.errors import UserError

ON_THE_CPU = "To run on the CPU: --set resources.gpus=0"
_TARGET = re.compile(r"(sm|compute)_(\d+)(\d)([a-z]?)")  # sm_90a: for capability 9.0 alone
Version = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class CudaBuild:
    """What an installed framework was built for.

    Attributes:
        name: The framework and its version.
        cuda: The version of CUDA; None for a build without CUDA.
        targets: The GPUs that it contains code for (`sm_80`), and those from which on it contains
            PTX, which the driver compiles (`compute_90`). Empty for a framework that compiles
            every program for the GPU at hand.
        missing: What it needs for a GPU and is not installed.
        remedy: What to install.
    """

    name: str
    cuda: Version | None
    targets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    remedy: str


def check_driver(driver: Driver, build: CudaBuild | None = None) -> str:
    """Check that there is a driver, with a GPU, and that it is new enough for the framework."""
    if driver.error:
        raise UserError(
            f"NVIDIA's driver cannot be used ({driver.error}); expected a driver and a GPU: "
            "install the driver, and start a container with --gpus all"
        )
    if not driver.cards:
        raise UserError(
            "NVIDIA's driver finds no GPU; expected at least one: check `nvidia-smi`, and start a "
            "container with --gpus all"
        )
    finding = f"CUDA {_dotted(driver.cuda)}, {_describe(driver.cards)}"
    if len({(card.name, card.memory) for card in driver.cards}) > 1:
        finding += (
            "; a worker may get any of them, and a share is that of its memory. To use one kind, "
            f"set {VISIBLE} to those GPUs before faceseg or Ray starts"
        )
    if build is None or build.cuda is None:
        return finding
    if driver.cuda[0] < build.cuda[0]:
        raise UserError(
            f"NVIDIA's driver supports CUDA {_dotted(driver.cuda)}; {build.name} is built for CUDA "
            f"{_dotted(build.cuda)} and expects a driver for CUDA {build.cuda[0]}.0 or later: "
            "install a newer driver, or a build of the framework for the older CUDA"
        )
    if driver.cuda < build.cuda:
        finding += (
            f"; {build.name} is built for CUDA {_dotted(build.cuda)}: a newer driver is safer"
        )
    return finding


def check_libraries(build: CudaBuild) -> str:
    """Check that the framework is built with CUDA and that CUDA's libraries are installed."""
    if build.cuda is None:
        raise UserError(
            f"{build.name} is installed without CUDA; expected a build with it: {build.remedy}"
        )
    if build.missing:
        raise UserError(
            f"{build.name} is installed without {', '.join(build.missing)}, which it needs on a "
            f"GPU: {build.remedy}"
        )
    return f"{build.name} with CUDA {_dotted(build.cuda)}"


def check_visible(driver: Driver, environment: Mapping[str, str] = os.environ) -> str:
    """Check that CUDA_VISIBLE_DEVICES does not hide the GPUs of this machine."""
    given = environment.get(VISIBLE)
    visible = visible_cards(driver.cards, environment)
    if not visible:
        last = max(0, len(driver.cards) - 1)
        raise UserError(
            f"{VISIBLE} is {given!r}, which hides all GPUs of this machine ({len(driver.cards)}); "
            f"expected no such variable, indices from 0 to {last}, or UUIDs of `nvidia-smi -L`: "
            f"run `unset {VISIBLE}` in the shell that starts faceseg, or `ray start` on a cluster, "
            "and start it again"
        )
    finding = f"{len(visible)} of {len(driver.cards)} GPUs"
    if any(card.instances for card in driver.cards) and not (given or "").startswith("MIG-"):
        finding += (
            "; MIG divides a GPU, of which only the first instance is used. To use others, start "
            f"Ray with {VISIBLE}=MIG-…,MIG-… (`nvidia-smi -L`) and --num-gpus, their number"
        )
    return finding


def check_architecture(cards: Sequence[Card], build: CudaBuild, driver: Driver) -> str:
    """Check that the framework contains code for the compute capability of each GPU."""
    targets = [match for each in build.targets if (match := _TARGET.fullmatch(each))]
    if not targets:
        return f"{build.name} compiles its programs for each GPU"
    built = ", ".join(sorted({f"{each[2]}.{each[3]}{each[4]}" for each in targets}, key=_order))
    findings = []
    for card in dict.fromkeys(cards):
        has = f"{card.name} has compute capability {_dotted(card.capability)}"
        if any(_runs(each, card.capability) for each in targets):
            findings.append(f"{has}; {build.name} contains code for it")
        elif not any(_compiles(each, card.capability) for each in targets):
            raise UserError(
                f"{has}; {build.name} is built for {built} and cannot use it: install a build for "
                "this GPU, try another backend (KERAS_BACKEND), or use another GPU"
            )
        elif build.cuda and driver.cuda < build.cuda:
            raise UserError(
                f"{has}; {build.name} is built for {built} and would be compiled for it by the "
                f"driver, but that of CUDA {_dotted(driver.cuda)} does not compile programs of "
                f"CUDA {_dotted(build.cuda)}: install a newer driver"
            )
        else:
            findings.append(
                f"{has}; {build.name} is built for {built}: it will compile at the first start "
                "(minutes) or fail. If it fails, install a newer build, or set KERAS_BACKEND to "
                "another backend"
            )
    return "; ".join(dict.fromkeys(findings))


def first_problem(
    driver: Driver, build: CudaBuild | None = None, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the message of the first check that fails; empty if none does.

    Args:
        driver: What the driver reports.
        build: The framework; None checks the machine alone.
        environment: The variables of the process.
    """
    try:
        check_driver(driver, build)
        if build:
            check_libraries(build)
        check_visible(driver, environment)
        if build:
            check_architecture(visible_cards(driver.cards, environment), build, driver)
    except UserError as error:
        return str(error)
    return ""


def _runs(target: re.Match[str], capability: Version) -> bool:
    """Return whether code for `target` runs as it is: the same major version, not a later minor."""
    major, minor = int(target[2]), int(target[3])
    if target[4] == "a":
        return (major, minor) == capability
    return major == capability[0] and minor <= capability[1]


def _compiles(target: re.Match[str], capability: Version) -> bool:
    """Return whether the driver can compile the PTX of `target` for a later capability."""
    return (
        target[1] == "compute" and not target[4] and (int(target[2]), int(target[3])) <= capability
    )


def _order(version: str) -> tuple[int, str]:
    major, _, minor = version.partition(".")
    return int(major), minor


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _describe(cards: Sequence[Card]) -> str:
    """Return the number and the name of each kind of GPU, with its memory."""
    kinds = Counter(f"{card.name} ({card.memory / 2**30:.0f} GiB)" for card in cards)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
