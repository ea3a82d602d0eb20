"""Columns that single out rows, or of which the attacker knows every value."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from tests.attacks.attacked import Numbers, attacked
from tests.attacks.registry import REFUSAL, Found, Got, attack, recovered, rule_of

ROWS, PATIENT, VISITS = 60, 3, 6
VARIABLES = [
    {"name": "y", "type": "number"},
    {"name": "d", "type": "integer"},
    {"name": "x", "type": "number"},
    {"name": "t", "type": "integer"},
    {"name": "rare", "type": "integer"},
    {"name": "patient", "type": "group"},
]
AGREED = ("t", "I(t^2)")
"""Some of what the default policy takes of one variable; of many more at once G1 says no."""


class Row(TypedDict):
    y: float
    d: int
    x: float
    t: int
    rare: int
    patient: int


def rows(visits: int = 1) -> list[Row]:
    """`t` is the number under which a patient was enrolled, which the attacker knows; one patient alone is rare."""
    rng = np.random.default_rng(7)
    x = np.round(rng.normal(size=ROWS), 6).tolist()
    return [
        {
            "y": round(float(rng.normal()), 6),
            "d": (i + visit) % 2,
            "x": x[i],
            "t": i + 1,
            "rare": int(i == PATIENT),
            "patient": i,
        }
        for i in range(ROWS)
        for visit in range(visits)
    ]


def _x() -> Numbers:
    return np.array([row["x"] for row in rows()], float)


def _solved(known: Sequence[Numbers], products: Sequence[float]) -> Numbers:
    """The shortest x that has these products with known vectors."""
    shortest: Numbers = np.linalg.lstsq(np.array(known), np.array(products), rcond=None)[0]
    return shortest


@attack("covariances with columns whose every value is known (Huth et al. 2023)", by="analyst")
async def covariances(folder: Path) -> Found:
    """X'v for as many known v as there are rows is x, by linear equations. The agreed columns of t are few."""
    t = np.arange(1.0, ROWS + 1)
    cuts = t[:-1] + 0.5
    thresholds = " + ".join(f"I(t > {cut})" for cut in cuts)
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        hessian = (await site.sums(f"y ~ x + {thresholds}", family="gaussian")).hessian
    found = _solved([np.ones(ROWS), *(t > cut for cut in cuts)], [-hessian[1, 0], *-hessian[1, 2 : ROWS + 1]])
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        refusal = await site.refusal(f"y ~ x + I(t > {cuts[0]})", family="gaussian")
        hessian = (await site.sums(f"y ~ x + {' + '.join(AGREED)}", family="gaussian")).hessian
    left = np.abs(_solved([np.ones(ROWS), t, t**2], [-hessian[1, 0], *-hessian[1, 2:4]]) - _x())
    on = Got("three equations for 60 patients", bool(np.median(left) < 0.1))
    return Found(recovered("x of all 60 patients", found, _x()), on, rule_of(refusal))


@attack("a kernel column about one patient's x", by="analyst")
async def kernel(folder: Path) -> Found:
    centre = rows()[PATIENT]["x"]
    formula = f"y ~ t + I(exp(-1e9 * (x - {centre})^2))".replace("- -", "+ ")
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        hessian = (await site.sums(formula, family="gaussian")).hessian
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        refusal = await site.refusal(formula, family="gaussian")
    found = hessian[2, 1] / hessian[2, 2]
    return Found(recovered("another column of that patient's", found, rows()[PATIENT]["t"]), REFUSAL, rule_of(refusal))


@attack("a binary column with one positive", by="analyst")
async def one_positive(folder: Path) -> Found:
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        hessian = (await site.sums("d ~ x + rare")).hessian
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        refusal = await site.refusal("d ~ x + rare")
    found = hessian[2, 1] / hessian[2, 2]
    return Found(recovered("that patient's x", found, rows()[PATIENT]["x"]), REFUSAL, rule_of(refusal))


@attack("a binary column with many positives, all of them visits of one patient", by="analyst")
async def visits(folder: Path) -> Found:
    """Off: the dictionary has no `privacy_unit`, and every visit counts."""
    async with attacked(folder / "off", VARIABLES, rows(VISITS), "default") as site:
        hessian = (await site.sums("d ~ x + rare")).hessian
    async with attacked(folder / "on", VARIABLES, rows(VISITS), "default", privacy_unit="patient") as site:
        refusal = await site.refusal("d ~ x + rare")
    found = hessian[2, 1] / hessian[2, 2]
    return Found(recovered("that patient's mean x", found, rows()[PATIENT]["x"]), REFUSAL, rule_of(refusal))


@attack("one steep beta at a hyperplane through one row, without masks", by="coordinator")
async def hyperplane(folder: Path) -> Found:
    x = float(_x()[PATIENT])
    psi = (-1e9 * x, 1e9)
    async with attacked(folder / "off", VARIABLES, rows(), "open") as site:
        hessian = (await site.sums("d ~ x", psi)).hessian
    async with attacked(folder / "on", VARIABLES, rows(), "default") as site:
        assert await site.refusal("d ~ x") is None
        refusal = (await site.asked_at(psi)).json()
    return Found(recovered("that patient's x", hessian[0, 1] / hessian[0, 0], x), REFUSAL, rule_of(refusal))
