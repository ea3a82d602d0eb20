"""The rounds that the documentation promises are the rounds that the code takes."""

from functools import cache
from pathlib import Path
from statistics import median

import pytest

from benchmarks.rounds import MEDIAN, MOST, POINTS, Fit, document, measure_case
from shared.optimisation.raising import LADDER
from site_node.estimation.families import REGISTRY
from tests.reference.cases import case, names

PAGE = Path(__file__).parents[2] / "docs" / "rounds.md"
ONE_MACHINE = 1
"""The round that another machine's rounding may cost, for each number of nodes."""


@cache
def fits_of(name: str) -> tuple[Fit, ...]:
    return tuple(measure_case(name))


def fits() -> list[Fit]:
    return [fit for name in names() for fit in fits_of(name)]


def rows_of(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The page's table by case and method."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    found = [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
    return {(row["case"], row["method"]): row for row in found}


@pytest.mark.parametrize("name", names())
def test_the_page_is_what_the_code_gives_now_up_to_the_rounds_that_another_machines_rounding_may_cost(
    name: str,
) -> None:
    """If this fails on purpose: python -m benchmarks rounds > docs/rounds.md."""
    page = rows_of(PAGE.read_text(encoding="utf-8"))
    written, now = {key: row for key, row in page.items() if key[0] == name}, rows_of(document(fits_of(name)))
    assert written.keys() == now.keys()
    for key, row in now.items():
        told, nodes = written[key], row["nodes"].count(",") + 1
        assert abs(int(told.pop("rounds")) - int(row.pop("rounds"))) <= ONE_MACHINE * nodes, key
        assert told == row


def test_the_page_has_every_case_by_every_method_that_there_is_for_it() -> None:
    listed = set(rows_of(PAGE.read_text(encoding="utf-8")))
    gaussian = {name for name in names() if case(name).model.family is REGISTRY["gaussian", "identity"]}
    one_effect = {name for name in names() if case(name).model.layout.q == 1} - gaussian
    assert listed == (
        {(name, "Laplace") for name in names()}
        | {(name, "REML") for name in gaussian}
        | {(name, method) for name in one_effect for method in POINTS}
    )


def test_half_of_the_fits_need_no_more_than_six_rounds() -> None:
    assert MEDIAN == 6
    assert median(fit.rounds for fit in fits() if fit.has_target) <= MEDIAN


def test_no_fit_needs_more_than_twelve_rounds() -> None:
    assert MOST == 12
    assert [fit for fit in fits() if fit.has_target and fit.rounds > MOST] == []


def test_every_fit_ends_with_estimates() -> None:
    assert [fit for fit in fits() if not fit.has_estimates] == []


def test_auto_goes_up_the_ladder_rung_by_rung() -> None:
    paths = {fit.nodes for fit in fits() if fit.method == "auto"}
    assert all(path == LADDER[: len(path)] for path in paths)
    assert LADDER in paths
