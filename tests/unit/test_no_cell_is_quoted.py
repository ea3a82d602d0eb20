"""Whatever bytes a data file holds, no error, no log line and no answer of a site quotes what stands in a cell."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from shared.errors import FedglmmError
from site_node.cli import app
from site_node.data.inference import infer
from site_node.data.reading import read_columns
from site_node.data.split import split
from tests.unit.bad_data import CANARY, FACTOR, GROUP, NUMBER, asked, prepared, site, written

PIECES = ["1", "2.5", ",", ",", "\n", "\n", '"', "\r", "\0", "a", "NA", "é", "\\", CANARY, f"{CANARY}\n", f'"{CANARY}"']
FOREIGN = [f"{CANARY}\nExpected Number of Columns: 2 Found: 9", f"CSV Error on Line: 7\n{CANARY}", "x" * 200]
"""What DuckDB's own words begin with, in a cell."""


def error_of(act: Callable[[], object]) -> FedglmmError | None:
    """The error of an act; anything but a fault that this project knows fails the test."""
    try:
        act()
    except FedglmmError as error:
        return error
    return None


@given(st.lists(st.sampled_from(PIECES + FOREIGN), max_size=30), st.sampled_from(["utf-8", "latin-1", "utf-16-le"]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_error_ever_quotes_a_cell(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("cells")
    path = written(folder, b"x,s,g\n" + f"1,a,u\n1,{CANARY},2\n{''.join(pieces)}".encode(encoding))
    acts: list[Callable[[], object]] = [
        lambda: read_columns(path, [NUMBER]),
        lambda: read_columns(path, [FACTOR, GROUP]),
        lambda: infer(path, levels={"s": ["a", "b"]}),
        lambda: split(path, "s", folder / "federation"),
        lambda: split(path, "g", folder / "dealt", nodes=40),
    ]
    errors = [error_of(act) for act in acts]
    assert errors[1] is not None, "the canary is no level"
    for error in filter(None, errors):
        assert CANARY not in f"{error} {error.args} {error.message} {error.where} {error.remedy}"
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__


@given(st.lists(st.sampled_from(PIECES + FOREIGN), max_size=30))
@settings(max_examples=20, deadline=None)
def test_no_answer_and_no_log_line_of_a_site_ever_quotes_a_cell(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    home = site(tmp_path_factory.mktemp("site"), f"x,s,k,g\n1,{CANARY},1,u\n{''.join(pieces)}".encode())
    for specification in (asked("x ~ s"), asked("x ~ 1 + (1 | g)"), asked("x ~ log(k)")):
        answer, log = prepared(home, specification)
        assert answer.status_code < 500
        assert CANARY not in answer.text + log


@pytest.mark.parametrize(
    "content", [f"x,s\n1,{CANARY}\n", f'x,s\n{CANARY},a\n1,"{CANARY}\n', f"s\n{CANARY},\0{CANARY}\n"]
)
def test_no_command_quotes_a_cell_where_levels_are_given(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, content.encode())
    done = CliRunner().invoke(
        app, ["split", str(path), "--by", "s", "--levels", "s=a,b", "--out", str(tmp_path / "new")]
    )
    assert done.exit_code == 2
    assert CANARY not in done.stdout + done.stderr
