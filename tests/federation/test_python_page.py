"""docs/python.md, run line by line against a coordinator and the four largest of the beta-blocker trials."""

import asyncio
import csv
import doctest
import inspect
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from coordinator.client import AsyncCoordinator, Coordinator, Fit
from coordinator.client.cli import app
from coordinator.client.plots import Plots
from tests.federation.real_server import served
from tests.federation.real_sites import coordinator_of, real_sites

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
DATA = ROOT / "tests" / "reference" / "data" / "betablocker.csv"
TRIALS = ("BHAT TM", "Multicentre Int", "Norwegian Multicentre", "EIS")
DICTIONARY = {
    "variables": [
        {"name": "death", "type": "integer"},
        {"name": "treatment", "type": "factor", "levels": ["control", "beta-blocker"]},
    ]
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def tables() -> list[str]:
    """The rows of each trial as a file."""
    lines = defaultdict(list)
    with DATA.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lines[row["trial"]].append(f"{row['treatment']},{row['death']}\n")
    return ["treatment,death\n" + "".join(lines[trial]) for trial in TRIALS]


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    mpl.use("agg")
    yield
    plt.close("all")


def run_examples(url: str) -> str:
    """What did not come out as the page has it."""
    told: list[str] = []
    examples = doctest.DocTestParser().get_doctest(PAGE, {"url": url}, "python.md", "python.md", 0)
    doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(examples, out=told.append, clear_globs=False)
    examples.globs["coordinator"].close()
    return "".join(told)


def run_commands(url: str) -> list[tuple[str, int, str]]:
    """Every command of the page, with its exit code and what it said."""
    with Coordinator(url) as coordinator:
        first, other = (one["id"] for one in coordinator.analyses() if one["state"] == "converged" and not one["title"])
    commands = re.findall(r"^ {4}fedglmm (.+)$", PAGE, re.MULTILINE)
    done = []
    for command in commands:
        arguments = shlex.split(command.replace("$ID", first).replace("$OTHER", other))
        result = CliRunner().invoke(app, arguments, env={"FEDGLMM_COORDINATOR": url})
        done.append((command, result.exit_code, result.stdout or result.stderr))
    return done


async def test_every_example_and_every_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    sites = real_sites(tmp_path, DICTIONARY, tables())
    with capture_logs():  # on standard output they would be an example's
        async with served(coordinator_of(tmp_path, sites)) as running:
            url = str(running.http.base_url).rstrip("/")
            unlike = await asyncio.to_thread(run_examples, url)
            assert not unlike, unlike
            done = await asyncio.to_thread(run_commands, url)
    assert [(command, told) for command, code, told in done if code != 0] == []
    assert len(done) == 12
    written = {path.name for path in Path.cwd().iterdir()}
    assert written >= {
        "estimates.csv",
        "estimates.tex",
        "estimates.html",
        "report.html",
        "result.json",
        "correlation.pdf",
    }


@pytest.mark.parametrize("kind", [Coordinator, Fit, Plots])
async def test_every_accessor_is_on_the_page(kind: type) -> None:
    names = [name for name, _ in inspect.getmembers(kind) if not name.startswith("_") and name != "result"]
    assert [name for name in names if f".{name}" not in PAGE] == []
    assert AsyncCoordinator.__name__ in PAGE
