"""A result is written whatever the numbers are: what cannot be said is null."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from coordinator.client.summary import summary
from coordinator.result import make_result
from coordinator.roster import Told
from shared.contribution import Contribution
from shared.formula.expressions import Column
from shared.messages import Accepted, CloseReply, Counts, RandomEffect
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.state import Point, State
from shared.specification import RandomTerm
from tests.unit import smallest

SPECIFICATION = smallest.SPECIFICATION.model_copy(
    update={
        "formula": "y ~ 1 + (1 | site)",
        "random": (RandomTerm(group="site", columns=(Column("(Intercept)"),)),),
    }
)
PSI = np.array([0.1, 1e-3])
ACCEPTED = Accepted(
    specification_sha256="0", fingerprint="f", counts=Counts(rows=9, rows_dropped=0, groups={"site": 1})
)


def written(curvature: float, *, rows: int = 9, mode: float = 0.1) -> dict[str, Any]:
    summed = Contribution(-5.0, np.zeros(2), -np.diag([4.0, curvature]))
    state = State(SPECIFICATION.layout, 1e-16, 50, round=3, psi=PSI, basis=np.eye(1))
    state = replace(state, point=Point(PSI, summed, np.ones(2), 0.0), ending=OutcomeKind.CONVERGED)
    counts = Counts(rows=rows, rows_dropped=0, groups={"site": 1})
    accepted = {"Bern": ACCEPTED.model_copy(update={"counts": counts})}
    replies = {"Bern": CloseReply(site_effect=RandomEffect(modes=(mode,), standard_deviations=(0.0,)))}
    result = make_result(SPECIFICATION, state, [], Told.of(SPECIFICATION, accepted, None, replies))
    read: dict[str, Any] = json.loads(json.dumps(result, allow_nan=False))
    return read


def row(result: dict[str, Any], effect: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in result["tidy"] if one["effect"] == effect)
    return found


def test_an_interval_wider_than_the_numbers_reach_has_no_upper_end() -> None:
    sd = row(written(1e-8), "ran_pars")
    assert sd["std.error"] == pytest.approx(1e4)
    assert (sd["estimate"], sd["conf.low"], sd["conf.high"]) == (1e-3, 0.0, None)


def test_no_rows_at_all_have_no_bic() -> None:
    glance = written(4.0, rows=0)["glance"]
    assert (glance["nobs"], glance["BIC"], glance["logLik"]) == (0, None, -5.0)


def test_an_effect_as_large_as_numbers_are_is_written() -> None:
    assert row(written(4.0, mode=1e308), "ran_vals")["estimate"] == 1e308


@pytest.mark.parametrize(
    ("family", "link", "called", "told"),
    [
        ("gamma", "log", "shape", "Shape of the gamma family: 2 (SE 1)"),
        ("inverse_gaussian", "log", "shape", "Shape of the inverse_gaussian family: 2 (SE 1)"),
        ("negative_binomial", "log", "size", "Size of the negative_binomial family: 2 (SE 1)"),
        ("gaussian", "identity", "sigma", "Residual"),
    ],
)
def test_a_dispersion_is_called_what_it_is(family: str, link: str, called: str, told: str) -> None:
    specification = SPECIFICATION.model_copy(update={"family": family, "link": link})
    psi = np.array([0.1, 0.5, np.log(2.0)])
    summed = Contribution(-5.0, np.zeros(3), -4.0 * np.eye(3))
    state = State(specification.layout, 1e-16, 50, round=3, psi=psi, basis=np.eye(1))
    state = replace(state, point=Point(psi, summed, np.ones(3), 0.0), ending=OutcomeKind.CONVERGED)
    result = make_result(specification, state, [], Told.of(specification, {"Bern": ACCEPTED}, None, {}))
    assert result["glance"]["dispersion"] == {"name": called, "value": pytest.approx(2.0)}
    assert result["glance"]["sigma"] == (pytest.approx(2.0) if family == "gaussian" else None)
    last = next(one for one in result["tidy"] if one["group"] == "Residual")
    assert last["term"] == ("sd__Observation" if family == "gaussian" else f"{called}__Observation")
    assert (last["estimate"], last["std.error"]) == (pytest.approx(2.0), pytest.approx(1.0))
    assert told in summary(result)
