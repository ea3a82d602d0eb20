"""A finished analysis whose numbers can be followed by hand: two fixed effects, a correlated intercept and slope by site."""

import json
from typing import Any

import numpy as np

from coordinator.records import TraceEntry
from coordinator.result import make_result
from coordinator.roster import Told
from shared.contribution import Contribution
from shared.formula.expressions import Column
from shared.messages import Accepted, CloseReply, Counts, RandomEffect
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.state import Point, State
from shared.specification import RandomTerm
from tests.unit import smallest

BETA, ERRORS = (0.5, -1.2), (0.25, 0.5)
THETA = (0.8, 0.3, 0.4)
"""Lambda = [[0.8, 0], [0.3, 0.4]]: sds 0.8 and 0.5, correlation 0.6."""
LOG_LIKELIHOOD = -120.0
COLUMNS = (Column("(Intercept)"), Column("x_dose"))
SPECIFICATION = smallest.SPECIFICATION.model_copy(
    update={
        "formula": "y ~ x_dose + (1 + x_dose | site)",
        "fixed": COLUMNS,
        "random": (RandomTerm(group="site", columns=COLUMNS),),
        "roster": ("Aarau", "Bern"),
    }
)
TRACE = (
    TraceEntry(1, -121.0, 0.02, accepted=True, seconds=0.1),
    TraceEntry(2, -120.0, 1e-18, accepted=True, seconds=0.1),
)


def result(ending: OutcomeKind = OutcomeKind.CONVERGED, *, effects: bool = True, **changes: Any) -> dict[str, Any]:
    """The canonical result, as a reader gets it.

    Args:
        ending: how the estimation ended.
        effects: whether the sites released their own effects.
        changes: of the specification.
    """
    psi = np.array([*BETA, *THETA])
    curvature = np.diag([*(1 / np.square(ERRORS)), 100.0, 100.0, 100.0])
    summed = Contribution(LOG_LIKELIHOOD, np.zeros(5), -curvature)
    specification = SPECIFICATION.model_copy(update=changes)
    state = State(specification.layout, 1e-16, 50, round=3, psi=psi, basis=np.eye(2))
    state = State(**vars(state) | {"point": Point(psi, summed, np.ones(5), 1e-18), "ending": ending})
    counts = Counts(rows=100, rows_dropped=1, groups={"site": 1})
    accepted = {
        site: Accepted(specification_sha256="0", fingerprint=site.lower(), counts=counts)
        for site in SPECIFICATION.roster
    }
    modes = {"Aarau": (0.4, -0.1), "Bern": (-0.4, 0.1)} if effects else {}
    replies = {
        site: CloseReply(site_effect=RandomEffect(modes=mode, standard_deviations=(0.2, 0.1)))
        for site, mode in modes.items()
    }
    made = make_result(specification, state, TRACE, Told.of(specification, accepted, None, replies))
    return dict(json.loads(json.dumps(made, allow_nan=False)))
