"""docs/privacy.md names tests, settings and files that exist, and every claim of its tables has its cell for a test."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from site_node.settings import HISTORY_NAME, KEPT_NAME, LEDGER_NAME, SiteSettings
from tests.attacks.catalogue import ATTACKS
from tests.attacks.registry import NOT_STOPPED

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "privacy.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`((?:attacks|e2e|federation|reference|unit)/[a-z0-9_/]+\.py)::(\w+)`", PAGE)
PARTIES = PAGE.split("## Who can do what\n")[1].split("\n## ")[0].split("\n### ")[1:]


ATTACKS_PAGE = (TESTS.parent / "docs" / "attacks.md").read_text(encoding="utf-8")
NOT_STOPPED_ROWS = "\n".join(line for line in ATTACKS_PAGE.splitlines() if line.endswith(f"| {NOT_STOPPED} |"))


@cache
def defined(file: str) -> set[str]:
    """The functions in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def rows(text: str) -> list[list[str]]:
    """The cells of the tables, without heads; a bar in a cell is written with a backslash."""
    lines = [
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| what |", "| of a "))
    ]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert name in defined(file)


def test_every_party_has_its_table_and_every_row_of_it_an_answer_a_reason_and_a_test() -> None:
    titles = [party.splitlines()[0] for party in PARTIES]
    coordinators = ["A curious coordinator", "A malicious coordinator", "The coordinator with some of the sites"]
    assert titles == [*coordinators, "A malicious site", "An analyst", "An outsider"]
    for party in PARTIES:
        told = rows(party)
        assert len(told) > 4
        assert {can for _, can, _, _ in told} == {"yes", "no"}
        for what, _, because, test in told:
            assert what
            assert because
            assert re.fullmatch(r"`[\w/]+\.py::\w+`", test), test


def test_every_file_of_attacks_is_named() -> None:
    files = {f"attacks/{path.name}" for path in (TESTS / "attacks").glob("test_*.py")}
    assert files <= {file for file, _ in NAMED}


def test_every_attack_that_is_not_stopped_is_among_what_somebody_can_do() -> None:
    unstopped = {attack.run.__name__ for attack in ATTACKS if f"| {attack.name} |" in NOT_STOPPED_ROWS}
    told = {test.rpartition("::")[2].strip("`") for party in PARTIES for _, can, _, test in rows(party) if can == "yes"}
    assert unstopped
    assert unstopped <= told


def test_settings_and_files_are_those_of_a_site() -> None:
    setting = re.compile(r"`(\w+)(?: = [^`]+)?`")
    heads = PAGE.split("\n| of a site |")[1].splitlines()[0]
    columns = setting.findall(heads)
    kept = rows(PAGE.split("## What a site keeps\n")[1].split("\n\n")[0])[1:]
    assert columns == ["consortium", "consortium", "shares_own", "policy"]
    assert {*columns, *(found for _, by, _, _ in kept for found in setting.findall(by))} <= set(
        SiteSettings.model_fields
    )
    files = [re.findall(r"`([^`]+)`", file)[0] for file, *_ in kept[:-1]]
    assert files == [KEPT_NAME, HISTORY_NAME, LEDGER_NAME]
    fields = SiteSettings.model_fields
    assert [(fields[name].default) for name in ("consortium", "shares_own", "policy")] == [None, False, "default"]


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+\.md)?(?:#[\w-]+)?\)", PAGE):
        assert not link or (TESTS.parent / "docs" / link).is_file(), link
