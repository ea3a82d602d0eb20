"""Cohorts that differ by a row: what that gives away, and that the default policy refuses it (G4)."""

from pathlib import Path

import pytest

from tests.attacks.attacked import attacked
from tests.attacks.cohorts import VARIABLES, rows

pytestmark = pytest.mark.anyio


def assert_refused(refusal: dict[str, object] | None) -> None:
    assert refusal is not None
    assert (refusal["status"], refusal["rule"], refusal["code"]) == ("refused", "G4", "small_difference")
    assert refusal["remedy"]


async def test_the_default_policy_refuses_the_second_of_them_whichever_it_is(tmp_path: Path) -> None:
    for first, second in (("y ~ x", "y ~ x + lab"), ("y ~ x + lab", "y ~ x")):
        async with attacked(tmp_path, VARIABLES, rows(), "default") as site:
            await site.sums(first)
            assert_refused(await site.refusal(second))
            assert await site.refusal(first) is None, "what was asked before is not refused"


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
