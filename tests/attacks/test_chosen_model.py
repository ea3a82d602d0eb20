"""Whoever chooses the constants of a model has every row, though each model looks honest; the default policy takes none (G5)."""

from pathlib import Path

import pytest

from tests.attacks.attacked import attacked
from tests.attacks.scanned import VARIABLES, rows, scanning

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("formula", "where"),
    [
        (scanning(55), "the offset"),
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
