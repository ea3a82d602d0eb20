"""The rounds that the documentation promises are the rounds that the code takes."""

from functools import cache
from pathlib import Path
from statistics import median

from benchmarks.rounds import Fit, document, measure
from tests.reference.cases import names

PAGE = Path(__file__).parents[2] / "docs" / "rounds.md"


@cache
def fits() -> tuple[Fit, ...]:
    return tuple(measure(name) for name in names())


def rounds_in(text: str) -> dict[str, int]:
    """Rounds by case, of the page's table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    column = rows[0].index("rounds")
    return {row[0].strip("`"): int(row[column]) for row in rows[1:] if row[column].isdigit()}


def test_the_page_is_what_the_code_gives_now_up_to_the_round_that_another_machines_rounding_may_cost() -> None:
    """If this fails on purpose: python -m benchmarks rounds > docs/rounds.md."""
    written, now = rounds_in(PAGE.read_text(encoding="utf-8")), rounds_in(document(fits()))
    assert set(written) == set(now) == set(names())
    assert all(abs(written[name] - now[name]) <= 1 for name in now)


def test_half_of_the_fits_need_no_more_than_six_rounds() -> None:
    assert median(fit.rounds for fit in fits()) <= 6


def test_no_fit_needs_more_than_twelve_rounds() -> None:
    assert {fit.name: fit.rounds for fit in fits() if fit.rounds > 12} == {}
