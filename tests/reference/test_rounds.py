"""The rounds that the documentation promises are the rounds that the code takes."""

from functools import cache
from pathlib import Path
from statistics import median

from benchmarks.rounds import STRESS_TEST, Fit, document, measure
from tests.reference.cases import names

PAGE = Path(__file__).parents[2] / "docs" / "rounds.md"


@cache
def fits() -> tuple[Fit, ...]:
    return tuple(measure(name) for name in names())


def test_the_page_is_what_the_code_gives_now() -> None:
    """If this fails on purpose: python -m benchmarks rounds > docs/rounds.md."""
    assert PAGE.read_text(encoding="utf-8").splitlines() == document(fits()).splitlines()


def test_half_of_the_fits_need_no_more_than_seven_rounds() -> None:
    assert median(fit.rounds for fit in fits()) <= 7


def test_no_fit_but_the_stress_test_needs_more_than_twelve_rounds() -> None:
    assert {fit.name: fit.rounds for fit in fits() if fit.rounds > 12 and fit.name != STRESS_TEST} == {}
