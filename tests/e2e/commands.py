"""The project's own commands, run as a user runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
DATA = Path(__file__).parents[1] / "reference" / "data"
PATIENCE = 60.0
"""Seconds after which nothing is waited for any longer, on a machine that has much else to do."""


def run(command: str, *arguments: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. It must never show a traceback."""
    done = subprocess.run(
        [str(BIN / command), *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


class Running:
    """A command while it runs: what it has said so far, and the rounds in its live table."""

    def __init__(self, command: Sequence[str], folder: Path, **environment: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | environment)

    @property
    def told(self) -> str:
        return self._err.read_text()

    @property
    def printed(self) -> str:
        return self._out.read_text()

    @property
    def rounds(self) -> list[int]:
        return [int(number) for number in re.findall(r"^ *(\d+) +-\d+\.\d{6}", self.told, re.MULTILINE)]

    def ends(self) -> int:
        """Its exit code. It must never show a traceback."""
        code = self.process.wait(PATIENCE)
        assert "Traceback" not in self.told + self.printed
        return code


@contextmanager
def started(command: Sequence[str], folder: Path, **environment: str) -> Iterator[Running]:
    """A command that writes what it says into a folder, and is killed at the end unless it has ended."""
    running = Running(command, folder, **environment)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
