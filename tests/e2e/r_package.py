"""The R package of clients/r, built, checked and installed as a user would, and scripts that use it."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "clients" / "r"
ALONE = {"LC_ALL": "C.UTF-8", "_R_CHECK_SYSTEM_CLOCK_": "0"}
"""Settings by which R speaks English and the check asks no time server."""
LONGEST = 600.0
"""Seconds that a command of R may take."""
NO_REGISTRY = "options(repos = character())\n"
BITS = """
bits <- function(values) lapply(as.list(unname(values)), function(value) if (is.na(value)) NULL else sprintf("%a", value))
told <- function(value) writeLines(jsonlite::toJSON(value, auto_unbox = TRUE, null = "null"))
"""
"""`bits` gives numbers in hexadecimal; `told` prints a value as a line of JSON."""


def run_r(
    *arguments: str, place: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """A command of R, to its end."""
    profile = place / "Rprofile.site"
    profile.write_text(NO_REGISTRY, encoding="utf-8")
    return subprocess.run(
        arguments,
        cwd=place,
        env=os.environ | ALONE | {"R_PROFILE": str(profile)} | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def build(place: Path) -> Path:
    """`R CMD build`; returns the package's file."""
    done = run_r("R", "CMD", "build", str(SOURCE), place=place)
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = place.glob("fedglmm_*.tar.gz")
    return package


@dataclass(frozen=True)
class Library:
    """A library of R that holds the package."""

    place: Path

    def install(self, package: Path) -> None:
        done = run_r("R", "CMD", "INSTALL", f"--library={self.place}", str(package), place=self.place)
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self, script: str, folder: Path) -> list[str]:
        """The command that runs a script with the package attached and `bits` and `told` defined."""
        file = folder / "script.R"
        file.write_text(f"library(fedglmm)\n{BITS}\n{script}\n", encoding="utf-8")
        return ["Rscript", "--vanilla", str(file)]

    @property
    def environment(self) -> dict[str, str]:
        return {"R_LIBS": str(self.place)}

    def says(self, script: str, folder: Path, **environment: str) -> str:
        """What a script prints."""
        done = run_r(*self.command(script, folder), place=folder, environment=self.environment | environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tells(self, script: str, folder: Path, **environment: str) -> list[Any]:
        """What a script told, line by line."""
        return [json.loads(line) for line in self.says(script, folder, **environment).splitlines()]


def numbers(told: Any) -> Any:
    """What `bits` gave, as numbers again; also inside of lists."""
    if isinstance(told, list):
        return [numbers(one) for one in told]
    return None if told is None else float.fromhex(told)
