"""Models whose constants the analyst chooses: an offset of another centre in each, and every query looks honest."""

from collections import Counter
from pathlib import Path

import numpy as np
from scipy.special import log_ndtr

from tests.attacks.attacked import Numbers, Sums, attacked
from tests.attacks.registry import REFUSAL, Found, Got, attack, rule_of

AGES = np.arange(40.0, 80.0)
STEEPNESS = 1.5
VARIABLES = [{"name": "y", "type": "integer"}, {"name": "x", "type": "integer"}]


def scanning(centre: int) -> str:
    """The formula with one centre."""
    return f"y ~ 1 + offset({STEEPNESS} * (x - {centre}))"


def rows() -> list[dict[str, int]]:
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


@attack("offsets `s (x - c)` of 40 centres, by honest steps", by="analyst")
async def offsets(folder: Path) -> Found:
    data = rows()
    async with attacked(folder / "off", VARIABLES, data, "open") as site:
        scan = {int(c): await site.sums(scanning(int(c)), link="probit") for c in AGES}
    off = Got("all 60 rows", counted(scan) == Counter((row["x"], row["y"]) for row in data))
    async with attacked(folder / "on", VARIABLES, data, "default") as site:
        refusal = await site.refusal(scanning(55), link="probit")
    return Found(off, REFUSAL, rule_of(refusal))
