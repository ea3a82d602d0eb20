"""Cohorts that differ by a row: what that gives away, and that the default policy refuses it (G4)."""

from pathlib import Path

import numpy as np
import pytest

from tests.attacks.attacked import Attacked, Numbers, Sums, attacked

pytestmark = pytest.mark.anyio

ROWS, VICTIM = 60, 17
VARIABLES = [
    {"name": "y", "type": "integer"},
    *({"name": name, "type": "number"} for name in ("x", "lab", "one", "other")),
]
KEPT = slice(0, 2)
"""The intercept and x, of a model that has a third column whose coefficient is zero: the sums are those of the smaller one."""


def rows() -> list[dict[str, object]]:
    """`lab` is missing in the victim's row alone; `one` and `other` each in six, both in the victim's."""
    rng = np.random.default_rng(3)
    lacks_one, lacks_other = {VICTIM, 1, 2, 3, 4, 5}, {VICTIM, 31, 32, 33, 34, 35}
    return [
        {
            "y": int(rng.random() < 0.4),
            "x": round(float(rng.normal()), 6),
            "lab": None if i == VICTIM else round(float(rng.normal()), 6),
            "one": None if i in lacks_one else round(float(rng.normal()), 6),
            "other": None if i in lacks_other else round(float(rng.normal()), 6),
        }
        for i in range(ROWS)
    ]


def row_in(gradient: Numbers, hessian: Numbers) -> tuple[float, float]:
    """A single row of a logistic regression at zero has the gradient (y - 1/2) (1, x) and the Hessian -1/4 (1, x)'(1, x)."""
    assert np.linalg.matrix_rank(hessian, tol=1e-9) == 1
    return float(gradient[0] + 0.5), float(hessian[0, 1] / hessian[0, 0])


def combined(*weighted: tuple[int, Sums]) -> tuple[Numbers, Numbers]:
    gradient = sum((sign * sums.gradient[KEPT] for sign, sums in weighted), np.zeros(2))
    hessian = sum((sign * sums.hessian[KEPT, KEPT] for sign, sums in weighted), np.zeros((2, 2)))
    return gradient, hessian


def assert_refused(refusal: dict[str, object] | None) -> None:
    assert refusal is not None
    assert (refusal["status"], refusal["rule"], refusal["code"]) == ("refused", "G4", "small_difference")
    assert refusal["remedy"]


async def test_two_cohorts_that_differ_by_one_row_give_its_y_and_x_where_the_policy_is_open(tmp_path: Path) -> None:
    data = rows()
    async with attacked(tmp_path, VARIABLES, data, "open") as site:
        everybody, all_but_one = await site.sums("y ~ x"), await site.sums("y ~ x + lab")
    y, x = row_in(*combined((1, everybody), (-1, all_but_one)))
    assert (y, x) == pytest.approx((data[VICTIM]["y"], data[VICTIM]["x"]), abs=1e-9)


async def test_the_default_policy_refuses_the_second_of_them_whichever_it_is(tmp_path: Path) -> None:
    for first, second in (("y ~ x", "y ~ x + lab"), ("y ~ x + lab", "y ~ x")):
        async with attacked(tmp_path, VARIABLES, rows(), "default") as site:
            await site.sums(first)
            assert_refused(await site.refusal(second))
            assert await site.refusal(first) is None, "what was asked before is not refused"


async def inclusion_and_exclusion(site: Attacked) -> tuple[Numbers, Numbers]:
    everybody, without_one = await site.sums("y ~ x"), await site.sums("y ~ x + one")
    without_other, without_either = await site.sums("y ~ x + other"), await site.sums("y ~ x + one + other")
    return combined((1, everybody), (-1, without_one), (-1, without_other), (1, without_either))


async def test_four_cohorts_that_all_differ_by_five_rows_or_more_give_a_row_where_the_policy_is_open(
    tmp_path: Path,
) -> None:
    data = rows()
    async with attacked(tmp_path, VARIABLES, data, "open") as site:
        y, x = row_in(*await inclusion_and_exclusion(site))
    assert (y, x) == pytest.approx((data[VICTIM]["y"], data[VICTIM]["x"]), abs=1e-9)


async def test_the_default_policy_refuses_the_cohort_that_completes_them(tmp_path: Path) -> None:
    async with attacked(tmp_path, VARIABLES, rows(), "default") as site:
        await site.sums("y ~ x")
        await site.sums("y ~ x + one")
        assert_refused(await site.refusal("y ~ x + other"))


async def test_a_file_that_got_one_more_row_differs_by_it_and_is_refused_and_with_three_more_is_not(
    tmp_path: Path,
) -> None:
    """The rows are known again by what they say, in whatever file."""
    data = [row | {"x": round(i / 7, 6)} for i, row in enumerate(rows())]
    async with attacked(tmp_path, VARIABLES, data[:-5], "default") as site:
        await site.sums("y ~ x")
        file = tmp_path / "data.csv"
        before = file.read_text(encoding="utf-8")
        file.write_text(before + "1,0.123,0,0,0\n", encoding="utf-8")
        assert_refused(await site.refusal("y ~ x"))
        file.write_text(before + "1,0.123,0,0,0\n0,0.124,0,0,0\n1,0.125,0,0,0\n", encoding="utf-8")
        assert await site.refusal("y ~ x") is None


async def test_weights_of_zero_leave_out_rows_as_missing_values_do(tmp_path: Path) -> None:
    variables = [*VARIABLES, {"name": "w", "type": "integer"}, {"name": "v", "type": "integer"}]
    data = [row | {"w": int(i >= 3), "v": int(i >= 4)} for i, row in enumerate(rows())]
    async with attacked(tmp_path, variables, data, "default") as site:
        await site.sums("y ~ x", weights="w")
        assert_refused(await site.refusal("y ~ x", weights="v"))
