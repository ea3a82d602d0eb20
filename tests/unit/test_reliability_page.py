"""docs/reliability.md names tests that exist, and no row of its tables is without one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "| test |" not in line]
NAMED = re.findall(r"`([a-z0-9_]+/[a-z0-9_/]+\.py)::(test_\w+)`", PAGE)
WHOLLY = {
    "e2e": ["kills", "pause", "side_by_side", "changed_site", "full_disk", "large_bodies", "torn_database"],
    "federation": ["wrong_answers", "any_moment", "torn_database"],
}


@cache
def defined(file: str) -> set[str]:
    """The tests in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert name in defined(file)


def test_every_row_says_what_happens_and_names_a_test() -> None:
    assert len(ROWS) > 60
    for row in ROWS:
        assert len(row) == 3, row
        fault, happens, test = (cell.strip() for cell in row)
        assert fault
        assert happens
        assert test == "the same" or re.fullmatch(r"`[\w/]+\.py::test_\w+`", test), test


@pytest.mark.parametrize("file", [f"{folder}/test_{name}.py" for folder, names in WHOLLY.items() for name in names])
def test_every_fault_that_is_tested_stands_on_the_page(file: str) -> None:
    assert {name for name in defined(file) if name.startswith("test_")} <= {name for f, name in NAMED if f == file}
