"""A site that lies: what it says of its own rows nobody can check, and everybody steps by it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import httpx
import numpy as np

from shared.contribution import Contribution
from shared.optimisation.start import StartContribution
from shared.parameters import Matrix, Vector
from site_node.analyses import Analysis
from site_node.app import LAPLACE, create_app
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.release.policy import PolicyName
from site_node.release.withheld import MOST_WITHHELD
from tests.attacks.malicious import VICTIM, Malicious, federation, lonely_x, through, with_outlier, x_in
from tests.attacks.registry import NOT_STOPPED, NOTHING, Found, Got, attack, recovered, stopped
from tests.federation.made_up import made_up

LIAR = "S2"
LOUD = 1e12
"""Beside which what honest sites say drowns."""
OUTLIER = 40.0


def lying(coordinator: Malicious, *targets: tuple[float, float]) -> Malicious:
    """A site says H = -C I and g = C d, d the way to the last target, until everybody is there; its start leads to the first."""
    first, target = targets[0], targets[-1]

    def begin(rows: Rows, model: Model) -> tuple[StartContribution, Matrix]:
        true, weights = LAPLACE.start(rows, model)
        quadratics = tuple(
            Contribution(one.value, LOUD * np.array(first), -LOUD * np.eye(len(first))) for one in true.quadratics
        )
        return (replace(true, quadratics=quadratics) if len(targets) > 1 else true), weights

    def lie(rows: Rows, model: Model, psi: Vector, points: int) -> tuple[Contribution, Matrix]:
        true, weights = LAPLACE.contribution(rows, model, psi, points)
        way = np.subtract(target, psi)
        if np.allclose(way, 0.0, atol=1e-3):
            return true, weights
        return Contribution(true.value, LOUD * way, -LOUD * np.eye(len(psi))), weights

    site = coordinator.sites[LIAR]
    site.site = httpx.ASGITransport(
        create_app(site.settings, estimator=replace(LAPLACE, start=begin, contribution=lie))
    )
    return coordinator


async def _led(coordinator: Malicious, *targets: tuple[float, float]) -> Malicious:
    """To the round that is at the last target."""
    await (await lying(coordinator, *targets).begin()).go_on()
    return coordinator


@attack("H = C I and g = C d, which steer everybody to a steep psi", by="a site")
async def steep(folder: Path) -> Found:
    target = through(lonely_x())
    off = await _led(federation(folder / "off", "open"), target)
    found = x_in(off.summed(await off.round()))
    on = await _led(federation(folder / "on"), target)
    for _ in range(MOST_WITHHELD):
        assert on.summed(await on.round()).is_worthless
        on.add_up(on.answers.pop())  # each trial is a tenth as steep as the one before
    return Found(recovered("one patient's x", found, lonely_x()), NOTHING, stopped(await on.ask(VICTIM)))


@attack("H = C I and g = C d, which steer everybody to a psi of its choice that is not steep", by="a site")
async def steered(folder: Path) -> Found:
    target = (0.3, -0.4)

    async def reached(policy: PolicyName) -> Got:
        coordinator = await _led(federation(folder / policy, policy), target)
        coordinator.summed(await coordinator.round())
        return recovered("everybody's sum at that psi", coordinator.states[-1].psi, target)

    return Found(await reached("open"), await reached("default"), NOT_STOPPED)


def _share(tables: Sequence[str]) -> float:
    """The leverage of that row among all sites' rows where all weigh alike."""
    x = np.array([float(row.split(",")[3]) for table in tables for row in table.splitlines()[1:]])
    X = np.column_stack([np.ones(len(x)), x])
    return float(X[0] @ np.linalg.solve(X.T @ X, X[0]))


@attack(
    "an information that it does not have, in which another site's outlying patient drowns (G1, pooled)", by="a site"
)
async def inflated(folder: Path) -> Found:
    """Where the slope is large the outlier weighs nothing; where it is none, it is nearly all that honest sites know of it."""
    tables, large, none = with_outlier(made_up(sites=3).tables(), OUTLIER), (0.0, 1.0), (0.0, 0.0)

    async def answered(name: str, policy: PolicyName) -> Got:
        coordinator = await _led(federation(folder / name, policy, tables=tables), large, none)
        summed = coordinator.summed(await coordinator.round())
        what = "an answer of which one patient is more than nine tenths in a direction"
        return Got(what, not summed.is_worthless and _share(tables) > 0.9)

    with mock.patch.object(Analysis, "verified", return_value=None):
        assert not (await answered("own", "default")).succeeded
    return Found(await answered("off", "open"), await answered("on", "default"), NOT_STOPPED)
