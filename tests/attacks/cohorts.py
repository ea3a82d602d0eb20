"""Cohorts that differ by a row, and those of which a sum of differences is a row."""

from pathlib import Path
from typing import TypedDict

import numpy as np

from tests.attacks.attacked import Attacked, Numbers, Sums, attacked
from tests.attacks.registry import REFUSAL, Found, attack, recovered, rule_of

ROWS, VICTIM_ROW = 60, 17
VARIABLES = [
    {"name": "y", "type": "integer"},
    *({"name": name, "type": "number"} for name in ("x", "lab", "one", "other")),
]
VISITS = 5
KEPT = slice(0, 2)
"""The intercept and x, of a model that has a third column whose coefficient is zero: the sums are those of the smaller one."""


class Row(TypedDict):
    y: int
    x: float
    lab: float | None
    one: float | None
    other: float | None


class Visit(Row):
    patient: str


def rows() -> list[Row]:
    """`lab` is missing in the victim's row alone; `one` and `other` each in six, both in the victim's."""
    rng = np.random.default_rng(3)
    lacks_one, lacks_other = {VICTIM_ROW, 1, 2, 3, 4, 5}, {VICTIM_ROW, 31, 32, 33, 34, 35}
    return [
        {
            "y": int(rng.random() < 0.4),
            "x": round(float(rng.normal()), 6),
            "lab": None if i == VICTIM_ROW else round(float(rng.normal()), 6),
            "one": None if i in lacks_one else round(float(rng.normal()), 6),
            "other": None if i in lacks_other else round(float(rng.normal()), 6),
        }
        for i in range(ROWS)
    ]


def visits() -> list[Visit]:
    """The same, but that the victim has come five times: `one` and `other` are missing in all of these visits."""
    rng = np.random.default_rng(4)
    return [
        {**row, "x": round(float(rng.normal()), 6), "patient": f"p{patient}"}
        for patient, row in enumerate(rows())
        for _ in range(VISITS if patient == VICTIM_ROW else 1)
    ]


def row_in(gradient: Numbers, hessian: Numbers) -> tuple[float, float]:
    """A single row of a logistic regression at zero has the gradient (y - 1/2) (1, x) and the Hessian -1/4 (1, x)'(1, x)."""
    assert np.linalg.matrix_rank(hessian, tol=1e-9) == 1
    return float(gradient[0] + 0.5), float(hessian[0, 1] / hessian[0, 0])


def combined(*weighted: tuple[int, Sums]) -> tuple[Numbers, Numbers]:
    gradient = sum((sign * sums.gradient[KEPT] for sign, sums in weighted), np.zeros(2))
    hessian = sum((sign * sums.hessian[KEPT, KEPT] for sign, sums in weighted), np.zeros((2, 2)))
    return gradient, hessian


async def inclusion_and_exclusion(site: Attacked) -> tuple[Numbers, Numbers]:
    everybody, without_one = await site.sums("y ~ x"), await site.sums("y ~ x + one")
    without_other, without_either = await site.sums("y ~ x + other"), await site.sums("y ~ x + one + other")
    return combined((1, everybody), (-1, without_one), (-1, without_other), (1, without_either))


def visits_in(gradient: Numbers, hessian: Numbers) -> tuple[float, float, float]:
    """How many rows there are in these sums of a logistic regression at zero, their outcomes, and their mean x."""
    n = -4.0 * float(hessian[0, 0])
    return n, float(gradient[0]) + n / 2.0, float(hessian[0, 1] / hessian[0, 0])


def _truth() -> tuple[int, float]:
    victim = rows()[VICTIM_ROW]
    return victim["y"], victim["x"]


@attack("two cohorts that differ by one row", by="analyst")
async def two_cohorts(folder: Path) -> Found:
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        found = row_in(*combined((1, await site.sums("y ~ x")), (-1, await site.sums("y ~ x + lab"))))
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        await site.sums("y ~ x")
        refusal = await site.refusal("y ~ x + lab")
    return Found(recovered("a patient's outcome and x", found, _truth()), REFUSAL, rule_of(refusal))


@attack("four cohorts that all differ by five rows or more: inclusion and exclusion", by="analyst")
async def four_cohorts(folder: Path) -> Found:
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        found = row_in(*await inclusion_and_exclusion(site))
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        await site.sums("y ~ x")
        await site.sums("y ~ x + one")
        refusal = await site.refusal("y ~ x + other")
    return Found(recovered("a patient's outcome and x", found, _truth()), REFUSAL, rule_of(refusal))


@attack("four cohorts of which that leaves all five visits of one patient", by="analyst")
async def four_cohorts_of_visits(folder: Path) -> Found:
    """Off: the dictionary has no `privacy_unit`, and every visit counts."""
    variables, data = [*VARIABLES, {"name": "patient", "type": "group"}], visits()
    mine = [row for row in data if row["patient"] == f"p{VICTIM_ROW}"]
    truth = (VISITS, sum(row["y"] for row in mine), float(np.mean([row["x"] for row in mine])))
    async with attacked(folder / "off", variables, data, "default") as site:
        found = visits_in(*await inclusion_and_exclusion(site))
    async with attacked(folder / "on", variables, data, "default", privacy_unit="patient") as site:
        await site.sums("y ~ x")
        await site.sums("y ~ x + one")
        refusal = await site.refusal("y ~ x + other")
    return Found(recovered("a patient's outcomes and mean x", found, truth), REFUSAL, rule_of(refusal))
