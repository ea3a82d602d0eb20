"""What no site can tell alone is told before the first round, and what only the fit shows is told by its name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.roster import faults_of
from shared.formula.expressions import Column, NumericFactor, VariableRef
from shared.messages import Counts
from shared.specification import RandomTerm, Specification
from tests.federation.real_sites import coordinator_of, ended, real_sites
from tests.unit.smallest import SPECIFICATION

pytestmark = pytest.mark.anyio

DICTIONARY = {
    "variables": [{"name": "y", "type": "number"}, {"name": "x", "type": "number"}, {"name": "g", "type": "group"}]
}
INTERCEPT, SLOPE = Column("(Intercept)"), Column("x", (NumericFactor(VariableRef("x")),))
Row = tuple[float, float, str]


def rows(groups: int, each: int, x: Callable[[int, int], float], family: str = "gaussian", seed: int = 0) -> list[Row]:
    """Rows of one site; x is a function of the group's and the row's number."""
    rng = np.random.default_rng(seed)
    made = []
    for group in range(groups):
        effect = rng.normal()
        for k in range(each):
            eta = 0.3 + 0.5 * x(group, k) + effect
            y = eta + rng.normal() if family == "gaussian" else float(rng.random() < 1.0 / (1.0 + np.exp(-eta)))
            made.append((float(y), float(x(group, k)), f"g{group}"))
    return made


async def ending(folder: Path, data: Sequence[Sequence[Row]], formula: str, **request: Any) -> dict[str, Any]:
    """The view of the ended analysis, with its result, of real sites with these rows."""
    tables = ["y,x,g\n" + "".join(f"{y!r},{x!r},{g}\n" for y, x, g in table) for table in data]
    app = coordinator_of(folder, real_sites(folder, DICTIONARY, tables))
    return await ended(app, **({"family": "gaussian", "formula": formula} | request))


def varying(group: int, k: int) -> float:
    return float(np.sin(7.0 * group + 3.0 * k))


async def assert_refused(folder: Path, data: Sequence[Sequence[Row]], code: str, formula: str, **request: Any) -> None:
    view = await ending(folder, data, formula, **request)
    assert (view["state"], view["round"]) == ("refused", 0)
    assert (view["problem"]["code"], view["problem"]["where"]) == (code, "the roster")
    assert view["problem"]["remedy"]


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
@pytest.mark.parametrize("group", ["site", "g"])
async def test_a_grouping_factor_with_a_single_level_over_the_roster_is_refused(
    tmp_path: Path, family: str, group: str
) -> None:
    data = [rows(1, 30, varying, family)]
    await assert_refused(tmp_path, data, "single_group", f"y ~ x + (1 | {group})", family=family)


async def test_with_a_known_standard_deviation_a_single_group_is_fitted(tmp_path: Path) -> None:
    view = await ending(tmp_path, [rows(1, 30, varying)], "y ~ x + (1 | site)", random_effect_sd=1.0)
    assert view["state"] == "converged"


async def test_a_single_group_at_every_site_is_several_over_the_roster(tmp_path: Path) -> None:
    data = [rows(1, 30, varying, seed=seed) for seed in range(6)]
    assert (await ending(tmp_path, data, "y ~ x + (1 | g)"))["state"] in {"converged", "boundary"}


async def test_more_parameters_than_rows_over_the_roster_are_refused(tmp_path: Path) -> None:
    data = [rows(1, 2, varying), rows(1, 1, varying)]
    await assert_refused(tmp_path, data, "too_few_rows_for_model", "y ~ x + I(x^2)")


async def test_as_many_parameters_as_rows_at_a_site_are_no_fault_of_the_roster(tmp_path: Path) -> None:
    data = [rows(1, 3, varying), rows(1, 30, varying, seed=1)]
    assert (await ending(tmp_path, data, "y ~ x + I(x^2)"))["state"] == "converged"


@pytest.mark.parametrize(("formula", "each"), [("y ~ x + (1 | g)", 1), ("y ~ x + (1 + x | g)", 2)])
async def test_a_gaussian_response_needs_more_rows_than_random_effects(tmp_path: Path, formula: str, each: int) -> None:
    data = [rows(20, each, varying, seed=seed) for seed in range(3)]
    await assert_refused(tmp_path, data, "too_many_random_effects", formula)


async def test_a_random_effect_whose_column_is_zero_everywhere_is_named(tmp_path: Path) -> None:
    data = [rows(4, 10, lambda _g, _k: 0.0, seed=seed) for seed in range(3)]
    view = await ending(tmp_path, data, "y ~ 1 + (1 + x | g)")
    assert (view["state"], view["problem"]["code"]) == ("refused", "empty_random_effect")
    assert "the random effect `x` of `g`" in view["problem"]["message"]


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
@pytest.mark.parametrize(
    ("x", "formula"),
    [
        (lambda group, _k: float(group % 2), "y ~ x + (1 + x | g)"),
        (lambda _group, _k: 1.0, "y ~ 1 + (1 + x | g)"),
    ],
    ids=["of the group", "the same everywhere"],
)
async def test_a_slope_that_is_constant_inside_every_group_is_named_also_when_rounding_makes_an_optimum_of_it(
    tmp_path: Path, family: str, x: Callable[[int, int], float], formula: str
) -> None:
    data = [rows(6, 15, x, family, seed) for seed in range(4)]
    view = await ending(tmp_path, data, formula, family=family)
    assert view["state"] in {"not_identified", "converged"}
    warnings = {one["code"]: one["message"] for one in view["ended_with"]["warnings"]}
    assert "theta[x,x]" in warnings["not_identified" if view["state"] == "not_identified" else "nearly_flat"]
    told = warnings["random_effects_not_identified"]
    assert "The variances and correlations of (Intercept), x by g cannot be told apart." in told


async def test_a_group_level_slope_of_many_values_is_identified(tmp_path: Path) -> None:
    """Its variance shows in how the groups' spread grows with it: lme4 fits this as well."""
    data = [rows(12, 10, lambda group, _k: group / 4.0 - 1.5, seed=seed) for seed in range(4)]
    view = await ending(tmp_path, data, "y ~ x + (1 + x | g)")
    assert view["state"] in {"converged", "boundary"}


def model(family: str = "binomial", **random: Any) -> Specification:
    links = {"binomial": "logit", "gaussian": "identity"}
    term = RandomTerm(**({"group": "g", "columns": (INTERCEPT,)} | random))
    changes = {"family": family, "link": links[family], "random": (term,), "roster": ("A", "B")}
    return Specification.model_validate(SPECIFICATION.model_dump() | changes)


def counted(*counts: tuple[int, int]) -> Counts:
    """Rows and groups at two sites."""
    rows, groups = (sum(parts) for parts in zip(*counts, strict=True))
    return Counts(rows=rows, rows_dropped=0, groups={"g": groups, "site": groups})


BOTH = (INTERCEPT, SLOPE)


@pytest.mark.parametrize(
    ("specification", "counts", "codes"),
    [
        (model(), [(10, 1), (0, 0)], ["single_group"]),
        (model(sd=1.0), [(10, 1), (0, 0)], []),
        (model(), [(10, 1), (10, 1)], []),
        (model(), [(10, 10), (10, 10)], []),
        (model("gaussian"), [(10, 10), (10, 10)], ["too_many_random_effects"]),
        (model("gaussian"), [(10, 10), (10, 9)], []),
        (model("gaussian", sd=1.0), [(10, 10), (10, 10)], []),
        (model(columns=BOTH), [(10, 5), (10, 5)], []),
        (model(columns=BOTH), [(10, 5), (10, 6)], ["too_many_random_effects"]),
        (model("gaussian", columns=BOTH), [(10, 5), (10, 5)], ["too_many_random_effects"]),
        (model("gaussian", columns=BOTH, correlated=False), [(10, 5), (10, 5)], []),
        (model("gaussian", columns=BOTH), [(2, 2), (1, 1)], ["too_few_rows_for_model", "too_many_random_effects"]),
    ],
)
def test_the_roster_is_judged_as_lme4_judges_the_rows(
    specification: Specification, counts: list[tuple[int, int]], codes: list[str]
) -> None:
    """`lmer` wants fewer random effects of a term than rows, `glmer` at most as many; both want two groups."""
    found = faults_of(specification, counted(*counts))
    assert [fault.code for fault in found] == codes
    assert all(fault.remedy and fault.where for fault in found)
