"""The machine that a figure was measured on: cores, memory, versions, and the BLAS that NumPy uses."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np  # noqa: F401 -- it loads its BLAS, which is then found
import threadpoolctl

GIB = 2**30


def description() -> str:
    """One paragraph of Markdown."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "duckdb", "pydantic", "uvicorn"))
    return (
        f"Measured on {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()},\n{packages}.\nNumPy's BLAS: {numpy_blas()}.\n"
    )


def numpy_blas() -> str:
    """The BLAS libraries that this process has loaded, and the threads they may use in it."""
    pools = threadpoolctl.threadpool_info()
    loaded = {f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads" for pool in pools}
    return "; ".join(sorted(loaded))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
