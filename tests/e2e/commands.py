"""The project's own commands, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
DATA = Path(__file__).parents[1] / "reference" / "data"


def run(command: str, *arguments: str, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. It must never show a traceback."""
    done = subprocess.run(
        [str(BIN / command), *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done
