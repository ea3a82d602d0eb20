"""docs/model.md says where every formula stands: each file of the mathematics once, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("site_node/estimation", "shared/optimisation")


def cells(column: int) -> list[str]:
    page = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    lines = [line for line in page.split("## Where it is\n")[1].splitlines() if line.startswith("| ")]
    return [line.split("|")[column] for line in lines]


def quoted(found: list[str]) -> list[str]:
    return [name for cell in found for name in re.findall(r"`([^`]+)`", cell)]


def test_every_file_of_the_mathematics_is_in_the_table_once() -> None:
    table = cells(2)
    named = quoted(table)
    there = [
        str(file.relative_to(ROOT)) + ("/" if file.is_dir() else "")
        for folder in FOLDERS
        for file in sorted((ROOT / folder).iterdir())
        if not file.name.startswith("__")
    ]
    assert sorted(name for name in named if name.startswith(FOLDERS)) == sorted(there)
    assert all((ROOT / name).exists() for name in named)


def test_every_row_names_tests_that_there_are() -> None:
    held = cells(3)[1:]
    assert all(quoted([cell]) or cell.strip() == "by all of these" for cell in held)
    tests = {file.name for file in (ROOT / "tests").rglob("test_*.py")}
    for name in quoted(held):
        assert (ROOT / name).exists() if "/" in name else name in tests, name
