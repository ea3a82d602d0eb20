"""Exact estimates of discrete columns: they determine the pooled table of counts, whoever computed them."""

from pathlib import Path
from typing import Any

import numpy as np

from site_node.release.policy import PolicyName
from tests.attacks.registry import NOT_STOPPED, Found, Got, attack
from tests.federation.real_sites import coordinator_of, ended, real_sites

ARMS = ("a", "b", "c")
DICTIONARY = {
    "variables": [{"name": "d", "type": "integer"}, {"name": "arm", "type": "factor", "levels": ARMS}],
}
TABLES = (
    {"a": (9, 14), "b": (11, 6), "c": (5, 17)},
    {"a": (7, 8), "b": (12, 10), "c": (4, 13)},
    {"a": (6, 9), "b": (8, 3), "c": (5, 10)},
)
"""At each site and in each arm, those with d = 1 and those with d = 0."""


def _file(table: dict[str, tuple[int, int]]) -> str:
    rows = [
        f"{d},{arm}"
        for arm, counts in table.items()
        for d, count in zip((1, 0), counts, strict=True)
        for _ in range(count)
    ]
    return "\n".join(["d,arm", *rows]) + "\n"


def _counted(result: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    """An arm's log odds are log(r), r = ones / zeros, and their variance is 1 / ones + 1 / zeros."""
    contrasts = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]], float)
    estimates = np.array([row["estimate"] for row in result["tidy"]])
    covariance = np.array(result["vcov"]["matrix"])
    ratio, variance = np.exp(contrasts @ estimates), np.einsum("ij,jk,ik->i", contrasts, covariance, contrasts)
    found = np.column_stack([(1.0 + ratio) / variance, (1.0 + 1.0 / ratio) / variance])
    assert np.max(np.abs(found - np.rint(found))) < 1e-5, "whole numbers"
    return tuple((int(ones), int(zeros)) for ones, zeros in np.rint(found))


@attack(
    "the pooled table of `d ~ arm` from the result's estimates and standard errors",
    by="analyst, or any reader of a result",
)
async def pooled_table(folder: Path) -> Found:
    """One fit, two by three counts, in closed form; of more models and columns lattice reduction makes larger tables."""
    truth = tuple((sum(t[arm][0] for t in TABLES), sum(t[arm][1] for t in TABLES)) for arm in ARMS)

    async def read(policy: PolicyName, *, masked: bool) -> Got:
        place = folder / policy
        place.mkdir()
        made = real_sites(place, DICTIONARY, [_file(table) for table in TABLES], policy, masked=masked)
        view = await ended(coordinator_of(place, made), formula="d ~ arm", tolerance=1e-20)
        return Got("all six counts of the three sites together", _counted(view["ended_with"]) == truth)

    return Found(await read("open", masked=False), await read("default", masked=True), NOT_STOPPED)
