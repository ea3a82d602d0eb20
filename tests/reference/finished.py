"""Results of the reference cases, as the coordinator makes them: fitted over sites, with what the sites would tell."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from coordinator.records import TraceEntry
from coordinator.result import make_result
from coordinator.roster import Told
from shared.formula.expressions import Column, VariableRef
from shared.messages import Accepted, CloseReply, Counts, RandomEffect
from shared.optimisation.state import State
from shared.parameters import ParameterLayout
from shared.specification import NumericResponse, RandomTerm, Specification
from tests.reference.cases import case, fit

INSIDE, GAUSSIAN, BOUNDARY = "contraception_slope_corr", "sleepstudy_lmm_corr", "lung_inst_ri"
SITES = ("Basel", "Bern")
LEVEL = 0.9


def specification(layout: ParameterLayout, *, group: str, known_sd: float | None = None) -> Specification:
    return Specification(
        formula="y ~ ...",
        family="gaussian" if layout.dispersion else "binomial",
        link="identity" if layout.dispersion else "logit",
        response=NumericResponse(expression=VariableRef("y")),
        fixed=tuple(map(Column, layout.fixed)),
        random=(RandomTerm(group=group, columns=tuple(map(Column, layout.random)), sd=known_sd),),
        roster=SITES,
        dictionary_sha256="0" * 64,
        tolerance=1e-16,
        max_rounds=50,
        confidence_level=LEVEL,
    )


def told(
    settled: Specification,
    rows: int,
    groups: int,
    *,
    dropped: int = 0,
    effects: Mapping[str, RandomEffect] | None = None,
) -> Told:
    """What two sites say that share the rows and the groups."""
    (group,) = settled.groupings
    accepted = {}
    for k, site in enumerate(SITES):
        share = {group: groups // 2 + k * (groups % 2)}
        counts = Counts(rows=rows // 2 + k * (rows % 2), rows_dropped=dropped * k, groups=share)
        accepted[site] = Accepted(specification_sha256="0", fingerprint=site, counts=counts)
    replies = {site: CloseReply(site_effect=effect) for site, effect in (effects or {}).items()}
    return Told.of(settled, accepted, None, replies)


@cache
def fitted(name: str, known_sd: float | None = None) -> State:
    one = case(name)
    return fit(one.sites(2), one.model if known_sd is None else one.with_known_sd(known_sd))


def result(
    name: str, *, known_sd: float | None = None, group: str = "woman", groups: int | None = None, dropped: int = 0
) -> dict[str, Any]:
    one, state = case(name), fitted(name, known_sd)
    trace = [TraceEntry(1, -9.0, None, accepted=True, seconds=0.1)]
    settled = specification(state.layout, group=group, known_sd=known_sd)
    return make_result(settled, state, trace, told(settled, len(one.y), groups or one.groups, dropped=dropped))
