"""Results are compared where they may be, and where not it is said why."""

from typing import Any

import pytest
from rich.console import Console
from scipy.stats import chi2

from coordinator.client.comparison import chi_square_tail, compare
from coordinator.client.side_by_side import side_by_side
from shared.formula.expressions import Column
from shared.optimisation.outcome import OutcomeKind
from shared.specification import RandomTerm
from tests.unit.finished import COLUMNS, result

ONE, BOTH = COLUMNS[:1], COLUMNS
CORRELATED = (RandomTerm(group="site", columns=BOTH),)
UNCORRELATED = (RandomTerm(group="site", columns=BOTH, correlated=False),)
INTERCEPT = (RandomTerm(group="site", columns=ONE),)


def made(
    npar: int,
    log_likelihood: float,
    *,
    random: tuple[RandomTerm, ...] = INTERCEPT,
    fixed: tuple[Column, ...] = BOTH,
    **changes: Any,
) -> dict[str, Any]:
    """A result whose specification and numbers are what they are said to be."""
    one = result()
    one["specification"] |= {
        "random": [term.model_dump(mode="json") for term in random],
        "fixed": [{"name": column.name} for column in fixed],
        **changes,
    }
    one["glance"] |= {"npar": npar, "logLik": log_likelihood}
    return one


def held(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    (row,) = compare({"large": large, "small": small})["tests"]
    assert (row["smaller"], row["larger"]) == ("small", "large")
    return row


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 30, 101, 1000])
@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-12, 0.4, 3.84, 25.0, 98.0, 700.0, 1100.0, 1400.0, 1e4])
def test_the_tail_of_chi_square_is_scipys(x: float, df: int) -> None:
    assert chi_square_tail(x, df) == pytest.approx(chi2.sf(x, df), rel=1e-11, abs=1e-300)


def test_a_model_within_another_is_tested_by_twice_the_difference() -> None:
    row = held(made(2, -123.0, fixed=ONE), made(3, -120.0))
    assert (row["chi.square"], row["df"], row["why"]) == (6.0, 1, "")
    assert row["p.value"] == pytest.approx(chi2.sf(6.0, 1))


@pytest.mark.parametrize(
    ("random", "more"),
    [(INTERCEPT, UNCORRELATED), (INTERCEPT, CORRELATED), (UNCORRELATED, CORRELATED), ((), INTERCEPT)],
)
def test_fewer_variances_are_a_smaller_model_and_the_boundary_is_minded(
    random: tuple[RandomTerm, ...], more: tuple[RandomTerm, ...]
) -> None:
    row = held(made(3, -121.0, random=random), made(4, -120.0, random=more))
    assert (row["chi.square"], row["why"]) == (2.0, "a variance of zero is at its boundary: the p value is too large")


@pytest.mark.parametrize(
    ("small", "large", "why"),
    [
        (made(2, -1.0, family="poisson"), made(3, -1.0), "they differ in family"),
        (made(2, -1.0, reml=True, fixed=ONE), made(3, -1.0, reml=True), "restricted likelihoods with different fixed"),
        (made(2, -1.0, fixed=(Column("z"),)), made(3, -1.0), "is not within"),
        (made(3, -1.0, random=CORRELATED), made(4, -1.0, random=UNCORRELATED), "is not within"),
        (made(3, -1.0), made(3, -1.0), "the same number of parameters"),
        (result(OutcomeKind.SEPARATED), made(9, -1.0), "not both have estimates"),
    ],
    ids=["family", "reml", "fixed", "random", "equal", "no-estimates"],
)
def test_where_there_is_no_test_it_is_said_why(small: dict[str, Any], large: dict[str, Any], why: str) -> None:
    (row,) = compare({"small": small, "large": large})["tests"]
    assert why in row["why"]
    assert (row["chi.square"], row["df"], row["p.value"]) == (None, None, None)


@pytest.mark.parametrize("field", ["fingerprint", "rows", "site"])
def test_other_data_are_not_compared(field: str) -> None:
    other = made(3, -1.0)
    other["roster"][0][field] = "other"
    assert "not of the same data" in held(made(2, -1.0, fixed=ONE), other)["why"]


def test_models_stand_by_size_and_estimates_side_by_side() -> None:
    compared = compare({"b": made(5, -120.0), "a": result(effects=False)})
    assert [row["analysis"] for row in compared["models"]] == ["b", "a"]
    assert compared["models"][0]["logLik"] == -120.0
    (slope,) = [row for row in compared["estimates"] if row["term"] == "x_dose"]
    assert slope["analyses"]["a"] == {"estimate": -1.2, "std.error": pytest.approx(0.5)}
    assert set(slope["analyses"]) == {"a", "b"}


def test_a_terminal_shows_all_three_tables_and_what_one_model_lacks_is_empty() -> None:
    small = made(2, -123.0, fixed=ONE)
    small["tidy"] = [row for row in small["tidy"] if row["term"] != "x_dose"]
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(side_by_side(compare({"s1": small, "l2": made(3, -120.0)})))
    text = shown.get()
    assert "s1 in l2" in text
    (slope,) = [line for line in text.splitlines() if line.split()[:1] == ["x_dose"]]
    assert slope.split() == ["x_dose", "-1.20000", "(0.50000)"]


def test_at_80_columns_no_id_is_cut_and_no_number_broken() -> None:
    ids = ("k7mqabcdef01", "k7mqabcdef02")
    small, large = made(3, -60081.088), made(5, -59944.38)
    long = "_".join(["a", "very", "long", "name", "of", "a", "parameter"] * 3)
    for one in (small, large):
        one["formula"] = "death ~ treatment + hospital_days + (1 + treatment | trial)"
        one["tidy"][0]["term"] = long
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        console.print(side_by_side(compare(dict(zip(ids, (small, large), strict=True)))))
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 80
    models = [line.split()[:4] for line in lines if line.split()[1:2] in (["3"], ["5"])]
    numbers = [[f"{one['glance'][name]:.3f}" for name in ("logLik", "AIC")] for one in (small, large)]
    assert models == [[ids[0], "3", *numbers[0]], [ids[1], "5", *numbers[1]]]
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown.get()
    assert long in "".join(line[1:40].strip() for line in lines)
