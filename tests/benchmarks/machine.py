"""The machine of a benchmark in one line, which is printed with its figures."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def described(*packages: str) -> str:
    """Return date, processor, cores, load and the versions of `packages`."""
    load = os.getloadavg()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {_processor()}, {os.cpu_count()} cores,"
        f" load {load:.1f} before; Python {platform.python_version()}"
        + (f", {versions}" if versions else "")
    )


def _processor() -> str:
    """Return the processor's name and its support for bfloat16."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() or platform.machine()
    lines = information.read_text("utf-8").splitlines()
    found = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
    flags = found.get("flags", "").split()
    has = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return (
        f"{found.get('model name', platform.machine()).strip()} ({', '.join(has) or 'no AVX-512'})"
    )
