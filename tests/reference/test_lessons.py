"""docs/quadrature.md and its picture say what the fits give now."""

import re

import numpy as np
import pytest

from benchmarks.exact import derivatives
from benchmarks.lessons import PAGE, PICTURE, TABLES, TOENAIL, drawing, exact, facts, fitted, with_tables
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.raising import ENOUGH, LADDER
from tests.reference.cases import case
from tests.unit.test_derivatives import difference

NUMBER = re.compile(r"(?<![\w.#])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w#])")


def last_digit(number: str) -> float:
    """What one more in its last printed digit is."""
    mantissa, _, power = number.partition("e")
    return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))


def same(written: str, now: str, digits: float) -> None:
    """The same text around the same numbers, up to so many units of the last digit."""
    assert NUMBER.sub("#", written) == NUMBER.sub("#", now)
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(now), strict=True):
        assert abs(float(old) - float(new)) <= 1.01 * digits * last_digit(new), (old, new)


def test_the_tables_of_the_page_are_what_the_fits_give_now() -> None:
    """If this fails on purpose: make lessons."""
    page = PAGE.read_text(encoding="utf-8")
    same(page, with_tables(page), 1.0)


def test_the_picture_is_what_the_fits_give_now() -> None:
    """If this fails on purpose: make lessons."""
    same(PICTURE.read_text(encoding="utf-8"), drawing(), 2.0)


def test_numbers_in_the_text_are_those_of_the_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")
    text = "".join(part.partition("<!-- end -->")[2] for part in page.split("<!-- table"))
    text += page.split("<!-- table")[0]
    numbers = [abs(float(one)) for make in TABLES.values() for one in NUMBER.findall(make())]
    numbers += list(facts().values())
    for written in re.findall(r"(?<![\w.])-?\d+\.\d+(?![\w.])", text):
        assert any(abs(abs(float(written)) - one) <= 0.51 * last_digit(written) for one in numbers), written


def test_counts_in_the_text_are_those_of_the_data_and_the_fits() -> None:
    page, found = " ".join(PAGE.read_text(encoding="utf-8").split()), facts()
    assert f"{found['patients']} patients with a toenail infection" in page
    assert f"{found['never']} patients never have it, and {found['always']} always do" in page
    assert f"on {found['points']} fixed points" in page
    assert found["visits"] == 7
    rounds = re.search(r"and (\d+) for the toenail data", page)
    assert rounds is not None
    assert abs(found["rounds"] - int(rounds[1])) <= len(LADDER)


def test_the_integral_itself_has_exact_derivatives_at_its_maximum() -> None:
    one, found = case(TOENAIL), exact(TOENAIL)

    def value_and_gradient(psi: np.ndarray) -> np.ndarray:
        value, gradient, _ = derivatives(one, psi)
        return np.array([value, *gradient])

    gradient, *hessian = difference(value_and_gradient, found.psi, 1e-2)
    errors = np.sqrt(found.covariance.diagonal())
    assert np.max(np.abs(gradient * errors)) < 1e-7
    np.testing.assert_allclose(derivatives(one, found.psi)[2], hessian, atol=1e-6 * np.max(np.abs(hessian)))


@pytest.mark.parametrize("points", [51, 100])
def test_many_nodes_are_the_integral(points: int) -> None:
    """Of a sd of 4: the last two rungs differ from it by what the ladder says of them."""
    state, found = fitted(TOENAIL, points), exact(TOENAIL)
    errors, within = np.sqrt(found.covariance.diagonal()), {51: 1e-3, 100: 1e-6}[points]
    assert np.max(np.abs(np.abs(state.psi) - np.abs(found.psi)) / errors) < within
    assert state.log_likelihood == pytest.approx(found.log_likelihood, abs=within)


def test_auto_stops_where_the_log_likelihood_no_longer_moves() -> None:
    state = fitted(TOENAIL, "auto")
    assert state.ending is OutcomeKind.CONVERGED
    assert state.raising is not None
    *before, last = state.raising.path[1:]
    assert all(abs(rung.change or 0.0) > ENOUGH for rung in before)
    assert abs(last.change or 1.0) <= ENOUGH
    np.testing.assert_allclose(state.psi, fitted(TOENAIL, last.points).psi, rtol=1e-6)
