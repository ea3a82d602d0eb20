"""The canonical result: plain JSON values with broom.mixed's columns and lme4's names. Missing numbers are null."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from coordinator.client.wald import normal_quantile, p_value
from coordinator.inference import (
    Quantity,
    covariance_of_psi,
    interval,
    random_quantities,
    relative_gradient,
    reported_covariance,
    smallest_curvature,
)
from coordinator.records import TraceEntry
from coordinator.roster import Told
from shared.dictionary import SITE
from shared.masking.countersigned import Countersigned
from shared.messages import Accepted, Counts, RandomEffect
from shared.optimisation.explanation import flat_directions
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.state import State
from shared.parameters import Matrix
from shared.specification import Specification

Row = dict[str, Any]
FEW_GROUPS = 5
FEWEST_TOLD = 3
"""Sites that began at the default start, below which only their absence is told: the floor of counts of patients (G5)."""
_VERSION = version("fedglmm")


def make_result(
    specification: Specification,
    state: State,
    trace: Sequence[TraceEntry],
    told: Told,
) -> dict[str, Any]:
    """Everything that is known at the end of an analysis.

    Args:
        specification: what was fitted.
        state: the optimiser's last state, with its outcome.
        trace: every round.
        told: what the sites said beside their contributions.
    """
    outcome = state.outcome
    assert outcome is not None, "an analysis that goes on has no result"  # noqa: S101 -- the caller's contract
    layout = specification.layout
    effects = {site: reply.site_effect for site, reply in told.replies.items() if reply.site_effect is not None}
    estimated = outcome.kind.has_estimates and state.point is not None
    hessian = state.point.summed.hessian if estimated and state.point else np.zeros((layout.size, layout.size))
    covariance = covariance_of_psi(layout, state.psi, hessian)
    quantities = random_quantities(layout, state.psi, state.basis) if state.point is not None else []
    all_covariance = reported_covariance(layout, quantities, covariance)
    of = "{group}: {term}" if layout.q_outer else "{term}"
    names = [*layout.fixed, *(of.format(group=one.group, term=_term(one)) for one in quantities)]
    return {
        "title": specification.title,
        "formula": specification.formula,
        "family": specification.family,
        "link": specification.link,
        "tidy": _tidy(specification, state, quantities, all_covariance, effects) if state.point is not None else [],
        "glance": _glance(specification, state, told.counts),
        "vcov": {"names": list(layout.fixed), "matrix": _nulls(all_covariance[: layout.p, : layout.p])},
        "vcov_all": {"names": names, "matrix": _nulls(all_covariance)},
        "convergence": {
            "outcome": outcome.kind.value,
            "advice": outcome.advice,
            "about": list(outcome.names),
            "rounds": state.round + 1,
            "default_starts": told.at_default if told.at_default >= FEWEST_TOLD else None,
            "decrement": _null(state.decrement),
            "relative_gradient": _null(relative_gradient(state.accepted) if state.accepted else None),
            "smallest_curvature": _null(smallest_curvature(state.accepted) if state.accepted else None),
            "quadrature": _quadrature(state),
            "trace": [_trace_row(entry) for entry in trace],
        },
        "specification": specification.model_dump(mode="json"),
        "specification_sha256": specification.sha256,
        "roster": [_roster_row(site, told.accepted) for site in specification.roster],
        "software": {"fedglmm": _VERSION, "protocol": specification.protocol_version},
        "warnings": _warnings(specification, state, told.counts),
        "countersigned": _countersigned(told),
    }


def _tidy(
    specification: Specification,
    state: State,
    quantities: Sequence[Quantity],
    covariance: Matrix,
    effects: Mapping[str, RandomEffect],
) -> list[Row]:
    """One row an estimate: fixed effects, parameters of the random part, the sites' own effects."""
    layout, reach = specification.layout, normal_quantile(specification.confidence_level)
    se = np.sqrt(np.maximum(covariance.diagonal(), 0.0))
    rows = []
    for name, estimate, error in zip(
        layout.fixed, state.psi[: layout.p].tolist(), se[: layout.p].tolist(), strict=True
    ):
        z = estimate / error if error > 0.0 else math.nan
        bounds = (estimate - reach * error, estimate + reach * error)
        rows.append(_row(("fixed", None, None, name), estimate, error, bounds, statistic=z))
    for quantity, se_of_it in zip(quantities, se[layout.p :].tolist(), strict=True):
        is_known = layout.known_sd is not None and quantity.kind == "sd"
        error = math.nan if is_known else se_of_it
        bounds = interval(quantity, error, reach)
        rows.append(_row(("ran_pars", quantity.group, None, _term(quantity)), quantity.value, error, bounds))
    for site, effect in effects.items():
        names = specification.site_effects
        for name, mode, error in zip(names, effect.modes, effect.standard_deviations, strict=True):
            bounds = (mode - reach * error, mode + reach * error)
            rows.append(_row(("ran_vals", "site", site, name), mode, error, bounds))
    return rows


def _row(
    place: tuple[str, str | None, str | None, str],
    estimate: float,
    error: float,
    bounds: tuple[float, float],
    statistic: float = math.nan,
) -> Row:
    """A row of broom's table; place is (effect, group, level, term)."""
    return dict(zip(("effect", "group", "level", "term"), place, strict=True)) | {
        "estimate": _null(estimate),
        "std.error": _null(error),
        "statistic": _null(statistic),
        "p.value": _null(p_value(statistic)),
        "conf.low": _null(bounds[0]),
        "conf.high": _null(bounds[1]),
    }


def _term(quantity: Quantity) -> str:
    """lme4's name of a parameter of the random part, as broom.mixed writes it."""
    kind = "sd" if quantity.kind == "sigma" else quantity.kind
    return f"{kind}__{'.'.join(quantity.names)}"


def _glance(specification: Specification, state: State, counts: Counts) -> Row:
    layout = specification.layout
    phi = _null(math.exp(state.psi[-1])) if layout.dispersion and state.point is not None else None
    n = counts.rows
    log_likelihood = math.nan if state.log_likelihood is None else state.log_likelihood
    return {
        "nobs": n,
        "ngrps": {group: counts.groups[group] for group in specification.groupings},
        "npar": layout.size,
        "logLik": _null(log_likelihood),
        "AIC": _null(2.0 * layout.size - 2.0 * log_likelihood),
        "BIC": _null(math.log(n) * layout.size - 2.0 * log_likelihood if n else math.nan),
        "deviance": _null(-2.0 * log_likelihood),
        "df.residual": n - layout.size,
        "sigma": phi if layout.dispersion == "sigma" else None,
        "dispersion": {"name": layout.dispersion, "value": phi} if layout.dispersion else None,
    }


def _trace_row(entry: TraceEntry) -> Row:
    return {
        "round": entry.round,
        "logLik": _null(entry.log_likelihood),
        "decrement": _null(entry.decrement),
        "accepted": entry.accepted,
        "seconds": entry.seconds,
    }


def _countersigned(told: Told) -> Row | None:
    """Under masks: what the sites signed, and their signatures."""
    if told.signed is None:
        return None
    signatures = {site: reply.signature for site, reply in told.replies.items() if reply.signature is not None}
    joins = tuple(answer.join for answer in told.accepted.values() if answer.join is not None)
    return Countersigned(signed=told.signed, signatures=signatures, joins=joins).model_dump(mode="json")


def _roster_row(site: str, accepted: Mapping[str, Accepted]) -> Row:
    answer = accepted[site]
    return {
        "site": site,
        "rows": answer.counts.rows if answer.counts else None,
        "rows_dropped": answer.counts.rows_dropped if answer.counts else None,
        "groups": answer.counts.groups if answer.counts else None,
        "fingerprint": answer.fingerprint,
    }


def _warnings(specification: Specification, state: State, counts: Counts) -> list[Row]:
    """What the reader should know first, as data."""
    warnings = []
    outcome = state.outcome
    if outcome is not None and outcome.kind is not OutcomeKind.CONVERGED:
        warnings.append({"code": outcome.kind.value, "message": outcome.advice})
    warnings += _flat(specification, state)
    warnings += _unsettled(state)
    if dropped := counts.rows_dropped:
        warnings.append({"code": "rows_dropped", "message": f"{dropped} rows were left out for missing values."})
    warnings += [_few(specification, group, counts.groups[group]) for group in _with_few(specification, counts)]
    inner = [group for group in specification.groupings if group != SITE]
    if inner and len(specification.roster) > 1:
        message = (
            f"The groups of {' and '.join(inner)} are counted within each site: the same value at two sites is two groups, "
            f"as lme4's (1 | site:{inner[-1]}) has it."
        )
        warnings.append({"code": "groups_within_sites", "message": message})
    return warnings


def _with_few(specification: Specification, counts: Counts) -> list[str]:
    """The grouping factors with fewer groups than the rule of thumb of lme4's authors asks for."""
    if specification.layout.known_sd is not None:
        return []
    return [group for group in specification.groupings if counts.groups[group] < FEW_GROUPS]


def _few(specification: Specification, group: str, groups: int) -> Row:
    of = f" of {group}" if len(specification.groupings) > 1 else ""
    message = f"There {'is' if groups == 1 else 'are'} only {groups} group{'' if groups == 1 else 's'}{of}: "
    return {"code": "few_groups", "message": message + "the standard deviation is poorly determined."}


def _quadrature(state: State) -> Row | None:
    """How many nodes, and how they were found out."""
    if state.raising is None:
        return {"points": state.fixed_points, "path": None}
    path = [{"points": rung.points, "change_per_group": _null(rung.change)} for rung in state.raising.path]
    return {"points": path[-1]["points"], "path": path}


def _unsettled(state: State) -> list[Row]:
    raising = state.raising
    if raising is None or raising.settled or state.outcome is None or not state.outcome.kind.has_estimates:
        return []
    why = "with more it is not finite" if raising.barred else "more are not tried"
    message = (
        f"With {raising.points} quadrature points the log-likelihood still moves by more than 1e-6 a group, and {why}: it is "
        "not the exact integral yet."
    )
    return [{"code": "quadrature_not_settled", "message": message}]


def _flat(specification: Specification, state: State) -> list[Row]:
    """Directions of psi of which the data say nothing; a curvature of mere rounding may pass for an optimum."""
    layout, outcome = specification.layout, state.outcome
    if outcome is None or outcome.kind not in {OutcomeKind.NOT_IDENTIFIED, OutcomeKind.CONVERGED}:
        return []
    names = outcome.names
    warnings = []
    if outcome.kind is OutcomeKind.CONVERGED and state.accepted is not None:
        names = flat_directions(layout, state.accepted)
    if outcome.kind is OutcomeKind.CONVERGED and names:
        message = f"The data hardly tell these apart: {', '.join(names)}. Their standard errors mean nothing."
        warnings.append({"code": "nearly_flat", "message": message})
    if names and set(names) <= set(layout.names[layout.theta]):
        message = (
            f"The variances and correlations of {', '.join(layout.random)} by {', '.join(specification.groupings)} cannot be "
            "told apart. Has one "
            "of these columns a single value within every group? Then leave it out in front of the bar."
        )
        warnings.append({"code": "random_effects_not_identified", "message": message})
    return warnings


def _null(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _nulls(matrix: Matrix) -> list[list[float | None]]:
    return [[_null(value) for value in row] for row in matrix.tolist()]
