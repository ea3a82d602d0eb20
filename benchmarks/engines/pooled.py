"""Fits the pooled rows with other engines, in processes of their own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulated import Simulated

HERE = Path(__file__).parent
RSCRIPT, GPBOOST_PYTHON = "FEDGLMM_BENCH_RSCRIPT", "FEDGLMM_BENCH_GPBOOST_PYTHON"
"""Environment variables that name an Rscript, and a Python interpreter that can import gpboost."""
LME4_ENGINES = {"glm": "R's glm, no random effect", "glmer": "lme4::glmer, nAGQ = 1, bobyqa"}
QUADRATURE = {"glmer25": "lme4::glmer, nAGQ = 25, bobyqa"}
GPBOOST = "GPBoost, to convergence"


@dataclass(frozen=True)
class Pooled:
    """What an engine took, or why it was not run."""

    engine: str
    seconds: float | None = None
    log_likelihood: float | None = None
    what: str = "not installed"


def write_pooled(path: Path, data: Simulated) -> None:
    """The rows as float64, column after column: y, g, x1, ..., xp."""
    with path.open("wb") as file:
        for column in data.columns().values():
            column.astype(float).tofile(file)


def fits(path: Path, data: Simulated, names: Sequence[str] = (*LME4_ENGINES, "gpboost")) -> list[Pooled]:
    """What each of these engines makes of the rows in the file."""
    size = [str(path), str(len(data.y)), str(data.p)]
    return [_gpboost(size) if name == "gpboost" else _lme4(name, size) for name in names]


def _lme4(name: str, size: list[str]) -> Pooled:
    rscript = os.environ.get(RSCRIPT) or shutil.which("Rscript")
    engine = (LME4_ENGINES | QUADRATURE)[name]
    if rscript is None:
        return Pooled(engine)
    return _told(engine, [rscript, str(HERE / "lme4.R"), *size, name])


def _gpboost(size: list[str]) -> Pooled:
    python = os.environ.get(GPBOOST_PYTHON) or (sys.executable if importlib.util.find_spec("gpboost") else None)
    if python is None:
        return Pooled(GPBOOST)
    return _told(GPBOOST, [python, str(HERE / "gpboost_fit.py"), *size])


def _told(engine: str, command: list[str]) -> Pooled:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own scripts
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        return Pooled(engine, what=f"could not be run: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return Pooled(engine, **json.loads(lines[-1]))
