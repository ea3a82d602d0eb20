"""docs/tutorial.md, done as a reader would from an empty folder to a report, in one federation; its numbers are what comes out.

The page's ports are other ones here. Its lines for R are run if FEDGLMM_R is 1.
"""

import doctest
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

import httpx
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from coordinator.client.connection import Coordinator
from coordinator.client.federation import serving
from tests.e2e.commands import DATA
from tests.e2e.r_package import Library

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
COORDINATOR = "http://127.0.0.1:8000"
FIRST_PORT = 8101
SITES = 4
PORTS = range(12_000, 20_000)
"""Of which the other tests, and the system, choose none."""
IDS = re.findall(r"^(?:ID|WITHOUT)=(\S+)$", PAGE, re.MULTILINE)
"""On the page, in the order in which they were submitted."""
HELD = r"^(?:cd |source |[A-Z]+=).*$"
"""Lines that a terminal remembers."""
ANEW = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?": "a moment",
    r"Newton decrement \S+": "Newton decrement",
    r"Specification [0-9a-f]{12}": "Specification",
    r"\b[0-9a-f]{4}( [0-9a-f]{4}){9}$": "a hash",
}
"""What is another one each time: moments, the last digits' noise, and what hangs on new keys."""
ALIKE = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FILES = ("fit.txt", "estimates.csv", "odds-ratio.pdf", "convergence.pdf", "report.html", "result.json")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


BLOCKS = blocks()
(R_BLOCK,) = (block for block in BLOCKS if block.language == "r")


@dataclass
class Reader:
    """Somebody with the page, terminals, a session of Python and perhaps one of R."""

    place: Path
    running: ExitStack
    r_library: Library | None
    first_port: int = 0
    url: str = ""
    remembered: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.place / "beta-blockers"

    def follow(self, block: Block, before: Block | None) -> None:
        """Does what a block says; a text is held to what the block before it said."""
        if block.language == "text":
            if before != R_BLOCK or self.r_library is not None:
                self._compare(block.text)
            return
        ways = {"sh": self._in_shell, "python": self._in_python, "r": self._in_r}
        self.said.append(ways[block.language](self._here(block.text)))

    def _here(self, text: str) -> str:
        """With ports that are free on this machine, and the ids of today."""
        if f"--first-port {FIRST_PORT}" in text:
            self.first_port = free_row(SITES + 1)
        text = text.replace(f"--first-port {FIRST_PORT}", f"--first-port {self.first_port}")
        return self._of_today(text.replace(COORDINATOR, self.url)) if self.url else text

    def _of_today(self, text: str) -> str:
        """With today's ids in the place of the page's."""
        with Coordinator(self.url) as coordinator:
            oldest_first = [one["id"] for one in reversed(coordinator.analyses())]
        for written, own in zip(IDS, oldest_first, strict=False):  # nothing was fitted yet, or the page went on
            text = text.replace(written, own)
        return text

    def _in_shell(self, text: str) -> str:
        if text.startswith("make setup\n"):  # what has been done: these tests run in what it makes
            text = text.replace("make setup", "make --dry-run setup", 1)
        if " serve " in text:
            self._serve(text.strip())
            return ""
        done = subprocess.run(
            self._bash(text), capture_output=True, text=True, timeout=300, check=False, env=self._environment()
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        self.remembered += re.findall(HELD, text, re.MULTILINE)
        if "--first-port" in text:
            settings = self.folder / "federation" / "coordinator.toml"
            own = settings.read_text().replace("# port = 8000\n", f"port = {self.first_port + SITES}\n")
            settings.write_text(own)
        return done.stdout

    def _serve(self, command: str) -> None:
        announce = self.place / f"{command.split(maxsplit=1)[0]}.json"
        announced = self.running.enter_context(serving(self._bash(f'exec {command} "$@"'), announce))
        self.url = announced.get("url", "")

    def _bash(self, text: str) -> list[str]:
        script = "\n".join([f"cd '{self.place}/fedglmm'", *self.remembered, text])
        return ["/bin/bash", "-euo", "pipefail", "-c", script, "bash"]

    def _environment(self) -> dict[str, str]:
        told = {"FEDGLMM_COORDINATOR": self.url} if self.url else {}
        return os.environ | told | {"COLUMNS": "100", "PYTHONPATH": str(ROOT)}

    def _in_python(self, text: str) -> str:
        told: list[str] = []
        examples = doctest.DocTestParser().get_doctest(text, {}, "tutorial.md", "tutorial.md", 0)
        doctest.DocTestRunner(verbose=False, optionflags=ALIKE).run(examples, out=told.append, clear_globs=False)
        examples.globs["coordinator"].close()
        assert not told, "".join(told)
        return text

    def _in_r(self, text: str) -> str:
        return "" if self.r_library is None else self.r_library.says(text, self.folder)

    def _compare(self, text: str) -> None:
        wanted, got = self._of_today(text) if self.url else text, self.said[-1]
        for pattern, word in ANEW.items():
            wanted, got = (re.sub(pattern, word, one, flags=re.MULTILINE) for one in (wanted, got))
        assert doctest.OutputChecker().check_output(wanted, got, ALIKE), f"{wanted}\n--- came out as\n{got}"


def free_row(number: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    while True:
        first = SystemRandom().choice(PORTS)
        with suppress(OSError), ExitStack() as held:
            for port in range(first, first + number):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def numbers_in(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text.replace(",", " "))]


def numbers_of_the_prose() -> list[str]:
    """Those with decimals, and those so large that they have a comma."""
    prose = re.sub(r"^```.*?^```$|`[^`]*`|\]\([^)]*\)|<http[^>]*>|^#[^\n]*$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [found.replace(",", "") for found in re.findall(r"\d+\.\d+|\d{1,3}(?:,\d{3})+", prose)]


@pytest.fixture
def reader(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """In a checkout, with an installed package."""
    checkout = tmp_path / "fedglmm"
    checkout.mkdir()
    for name in ("Makefile", "pyproject.toml", "tests"):
        (checkout / name).symlink_to(ROOT / name)
    (checkout / ".venv").symlink_to(sys.prefix)
    r_library = request.getfixturevalue("r_library") if os.environ.get("FEDGLMM_R") == "1" else None
    mpl.use("agg")
    with ExitStack() as running:
        yield Reader(tmp_path, running, r_library)
    plt.close("all")


def test_the_tutorial_leads_from_an_empty_folder_to_a_report(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    before: Block | None = None
    for block in BLOCKS:
        if block.language == "python":
            monkeypatch.chdir(reader.folder)
        reader.follow(block, before)
        before = block
    assert [name for name in FILES if not (reader.folder / name).stat().st_size] == []
    fitted = (reader.folder / "fit.txt").read_text(encoding="utf-8")
    assert reader.said.count(fitted) == len(("rehearse", "show"))
    result = json.loads((reader.folder / "result.json").read_text(encoding="utf-8"))
    pooled = json.loads((DATA.parent / "values" / "betablocker_trial_ri.json").read_text(encoding="utf-8"))
    fixed = [row["estimate"] for row in result["tidy"] if row["effect"] == "fixed"]
    assert fixed == pytest.approx(list(pooled["fits"]["glmmTMB_laplace"]["beta"].values()), rel=1e-6)
    page = httpx.get(reader.url, follow_redirects=True, timeout=60)
    assert (page.status_code, "Beta-blockers" in page.text) == (200, True)
    came_out = {number for text in reader.said for number in numbers_in(text)}
    assert {"20312", "0.77"} <= set(numbers_of_the_prose())
    for written in numbers_of_the_prose():
        decimals = len(written.partition(".")[2])
        assert written in {f"{abs(number):.{decimals}f}" for number in came_out}, written
