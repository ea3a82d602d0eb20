"""Whoever chooses the constants of a model has every row, though each model looks honest; the default policy takes none (G5)."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_ndtr

from tests.attacks.attacked import Numbers, Sums, attacked

pytestmark = pytest.mark.anyio

AGES = np.arange(40, 80)
STEEPNESS = 1.5
VARIABLES = [{"name": "y", "type": "integer"}, {"name": "x", "type": "integer"}]


def rows() -> list[dict[str, object]]:
    """60 people of 40 to 79 years."""
    rng = np.random.default_rng(5)
    return [{"y": int(rng.random() < 0.45), "x": int(rng.choice(AGES))} for _ in range(60)]


def shares(eta: Numbers, y: int) -> Numbers:
    """What one row with this offset adds to value, gradient and Hessian of a probit regression's intercept at zero, (3, n)."""
    sign = 2 * y - 1
    at = sign * eta
    ratio = np.exp(-0.5 * at**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(at))
    return np.array([log_ndtr(at), sign * ratio, -ratio * (at + ratio)])


def counted(scan: dict[int, Sums]) -> dict[tuple[int, int], int]:
    """How many rows there are of each age and outcome: linear equations, three of each analysis."""
    equations, answers = [], []
    for centre, sums in scan.items():
        eta = STEEPNESS * (AGES - centre)
        equations += list(np.hstack([shares(eta, 0), shares(eta, 1)]))
        answers += [sums.value, sums.gradient[0], sums.hessian[0, 0]]
    found = np.linalg.lstsq(np.array(equations), np.array(answers), rcond=None)[0]
    people = np.rint(found).astype(int).tolist()
    kinds = [(int(age), y) for y in (0, 1) for age in AGES]
    return {kind: count for kind, count in zip(kinds, people, strict=True) if count}


async def test_forty_offsets_with_another_centre_each_give_all_sixty_rows_where_the_policy_is_open(
    tmp_path: Path,
) -> None:
    data = rows()
    async with attacked(tmp_path, VARIABLES, data, "open") as site:
        scan = {int(c): await site.sums(f"y ~ 1 + offset({STEEPNESS} * (x - {c}))", link="probit") for c in AGES}
        assert site.asked == 40
    assert counted(scan) == Counter((row["x"], row["y"]) for row in data)


@pytest.mark.parametrize(
    ("formula", "where"),
    [
        (f"y ~ 1 + offset({STEEPNESS} * (x - 55))", "the offset"),
        ("y ~ I(x > 55)", "column `I(x > 55)TRUE`"),
        ("y ~ I(1 / (x - 55.5))", "column `I(1/(x - 55.5))`"),
        (
            "y ~ ns(x, knots = 55.5, Boundary.knots = c(40, 80))",
            "column `ns(x, knots = 55.5, Boundary.knots = c(40, 80))1`",
        ),
    ],
)
async def test_the_default_policy_takes_no_constant_that_is_not_the_dictionarys(
    tmp_path: Path, formula: str, where: str
) -> None:
    async with attacked(tmp_path, VARIABLES, rows(), "default") as site:
        refusal = await site.refusal(formula, link="probit")
        assert await site.refusal("y ~ x", link="probit") is None
    assert refusal is not None
    assert (refusal["status"], refusal["rule"], refusal["code"]) == ("refused", "G5", "literal_constant")
    assert refusal["where"] == where
    assert "dictionary" in refusal["remedy"]


async def test_a_constant_that_is_agreed_is_one_that_nobody_scans(tmp_path: Path) -> None:
    agreed = [*VARIABLES, {"name": "above", "type": "integer", "derived": "x > 55"}]
    async with attacked(tmp_path, agreed, rows(), "default") as site:
        assert await site.refusal("y ~ above") is None
        assert await site.refusal("y ~ I(x > 55)") is None, "the same, written out"
        assert (await site.refusal("y ~ I(x > 56)") or {})["code"] == "literal_constant"


async def test_so_many_models_of_the_same_data_are_taken_and_no_more(tmp_path: Path) -> None:
    async with attacked(tmp_path, VARIABLES, rows(), "default") as site:
        for number in range(50):
            assert await site.refusal("y ~ x", title=f"{number}") is None
        refusal = await site.refusal("y ~ x", title="one more")
        assert refusal is not None
        assert (refusal["rule"], refusal["code"]) == ("G3", "budget_spent")
