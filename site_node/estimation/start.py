"""The site's part of the one-shot start (shared/optimisation/start.py; docs/model.md, The step, the start, the end)."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from shared.contribution import Contribution
from shared.errors import DataError
from shared.optimisation.start import StartContribution, grid, standard_deviations
from shared.parameters import Matrix, ParameterLayout, Parameters, Vector
from site_node.estimation.arrow import Arrow
from site_node.estimation.model import Model
from site_node.estimation.nesting import Nesting
from site_node.estimation.predictor import Predictor, with_modes
from site_node.estimation.rows import Rows
from site_node.estimation.sums import (
    Additive,
    ByGroup,
    by_group,
    put_together,
    weighted_by_group,
    weighted_cross_product,
)
from site_node.estimation.workers import Spread, over_slabs

PRIOR_SD = 5.0
"""Of the linear predictor: keeps a site's own optimum finite when the site is separated."""
ENOUGH = 1e-3
"""Newton decrement at which a site's own optimum is good enough to expand about."""
MAX_ITERATIONS = 50
ENOUGH_ROWS = 20_000
"""Rows that find a point to expand about as well as all of them do."""


def start_contribution(rows: Rows, model: Model) -> StartContribution:
    """Expand the site's log-likelihood about its own optimum and integrate the random effects out at each grid point.

    The light ridge and the wide prior decide only where to expand; the quadratic is that of the log-likelihood alone, so
    they do not pull the estimates.
    """
    layout, family = model.layout, model.family
    p, size = layout.p, layout.size
    lower = np.tril_indices(layout.q)
    products = (rows.Z.T @ rows.Z)[np.ix_(rows.effects, rows.effects)]
    weight = float(np.sum(rows.weight))
    residual = _own_residual(rows) if family.dispersion else 0.0
    totals = np.array([float(rows.n), float(rows.groups), weight, residual, 0.0, *products[lower].tolist()])
    factors = [np.diag(standard_deviations(layout, octaves, totals)) for octaves in grid(layout)]
    b = np.zeros(p) if family.dispersion else _own_optimum(rows.thinned(ENOUGH_ROWS), model)
    wide = np.zeros((layout.q, layout.q)) if family.dispersion else np.diag(_wide(layout, totals))
    constant = family.constant(rows.y, rows.weight)
    expansion, integrals = _expand(rows, model, Parameters(b, wide, 0.0), factors)
    if expansion is None:
        raise DataError(
            "the log-likelihood is not finite at this site's own optimum.",
            where="the offset and the columns",
            remedy="Look at their scale: for counts an offset is the log of an exposure.",
            code="not_finite",
        )
    quadratics = []
    for integral in integrals:
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        gradient[:p] = expansion.gradient + integral.gradient
        hessian[:p, :p] = expansion.hessian + integral.hessian
        if layout.dispersion:
            in_units_of_phi = float(np.sum(rows.weight * (rows.y - rows.offset) ** 2)) - 2.0 * integral.gain
            gradient[-1], hessian[-1, -1] = in_units_of_phi - weight, -2.0 * in_units_of_phi
            value = constant - integral.log_det / 2
        else:
            value = constant + expansion.value + integral.gain - integral.log_det / 2
        quadratics.append(Contribution(value, gradient, (hessian + hessian.T) / 2))
    return StartContribution(tuple(quadratics), totals)


@dataclass(frozen=True)
class _Integral(Additive):
    """What integrating u adds to a quadratic in beta: to its value at beta = 0, its gradient there and its Hessian."""

    gain: float
    log_det: float
    gradient: Vector
    hessian: Matrix


def _expand(
    rows: Rows, model: Model, at: Parameters, factors: list[Matrix]
) -> tuple[Contribution | None, list[_Integral]]:
    """The log-likelihood's quadratic about b and the modes under a wide prior: in beta at 0, and its integrals over v.

    Without the family's constant. None where the log-likelihood is not finite.
    """
    p = model.layout.p
    value, gradient, hessian = 0.0, np.zeros(p), np.zeros((p, p))
    integrals = [_Integral(0.0, 0.0, np.zeros(p), np.zeros((p, p))) for _ in factors]
    for part in over_slabs(partial(_expand_slab, model=model, at=at, factors=factors), rows):
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
        integrals = [old + new for old, new in zip(integrals, part[3], strict=True)]
    if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return None, integrals
    return Contribution(value, gradient, (hessian + hessian.T) / 2), integrals


def _expand_slab(
    slab: Rows, spread: Spread, *, model: Model, at: Parameters, factors: list[Matrix]
) -> tuple[float, Vector, Matrix, list[_Integral]]:
    """A slab's part of `_expand`: value, gradient (p,) and Hessian (p, p) at beta = 0, and an integral for each Lambda."""
    nesting = Nesting(slab.outer, model.layout.q_outer)
    predictors, u = with_modes(slab, nesting, model.family, at, spread)
    parts = spread(lambda predictor: (predictor.groups, _Sums.of(predictor, u, model)), predictors)
    sums = put_together(list(parts), slab.groups)
    integrals = [_integrate(sums, slab.loadings(Lambda), nesting) for Lambda in factors]
    return sums.value, sums.gradient, sums.hessian, integrals


@dataclass(frozen=True)
class _Sums:
    """Sums over rows."""

    value: float
    gradient: Vector
    hessian: Matrix
    score: ByGroup
    """sum t z, (G, m)."""
    C: ByGroup
    """- sum l2 z x', (G, m, p)."""
    J: ByGroup
    """- sum l2 z z', (G, m, m)."""

    @classmethod
    def of(cls, predictor: Predictor, u: Matrix, model: Model) -> "_Sums":
        rows, eta, family = predictor.rows, predictor.eta(u), model.family
        l = family.log_likelihood(rows.y, rows.weight, eta, 0.0)
        l1, l2 = family.derivatives(rows.y, rows.weight, eta, 0.0, 2)
        eta -= rows.offset
        working = l1 - l2 * eta
        C, J = (weighted_by_group(-l2 * rows.Z.T, part, rows.starts) for part in (rows.X, rows.Z))
        return cls(
            value=float(np.sum(l - l1 * eta + l2 * eta * eta / 2)),
            gradient=working @ rows.X,
            hessian=weighted_cross_product(rows.X, l2),
            score=by_group(working * rows.Z.T, rows.starts),
            C=C,
            J=J,
        )


def _integrate(sums: _Sums, T: Matrix, nesting: Nesting) -> _Integral:
    """Integrate exp(s'v - v'C beta - v'J v / 2) over v = T u, u ~ N(0, I), in each outer group; T is (m, q)."""
    arrow = Arrow.of(T.T @ sums.J @ T, nesting)
    loads = (T @ arrow.W).transpose(0, 2, 1)
    right = loads @ np.concatenate([sums.score[:, :, None], sums.C], axis=2)
    solved = arrow.inverse @ nesting.joined(right)
    flat, flat_solved = right.reshape(-1, right.shape[2]), solved.reshape(-1, right.shape[2])
    products = flat.T @ flat_solved
    return _Integral(float(products[0, 0]) / 2, arrow.log_det, -products[1:, 0], products[1:, 1:])


def _own_residual(rows: Rows) -> float:
    """The weighted residual sum of squares of least squares on the site's own rows; from some of them when there are many."""
    some = rows.thinned(ENOUGH_ROWS)
    root = np.sqrt(some.weight)
    b, *_ = np.linalg.lstsq(root[:, None] * some.X, root * (some.y - some.offset))
    residual = root * (some.y - some.offset - some.X @ b)
    return float(residual @ residual) * rows.n / max(some.n, 1)


def _wide(layout: ParameterLayout, totals: Vector) -> Vector:
    """Standard deviations of the prior under which the modes to expand about are found: one unit of the linear predictor."""
    return standard_deviations(layout, (0.0,) * layout.q, totals)


def _own_optimum(rows: Rows, model: Model) -> Vector:
    """The coefficients of these rows without random effects, lightly ridged, by Newton with halving.

    The ridge is in units of the columns' products, so it bounds the linear predictor however collinear they are.
    """
    gram = rows.X.T @ rows.X / max(rows.n, 1) / (PRIOR_SD * PRIOR_SD)
    ridge = gram + np.diag(np.where(gram.diagonal() > 0.0, 1e-6 * gram.diagonal(), 1.0))
    b, step, best = np.zeros(model.layout.p), np.zeros(model.layout.p), -np.inf
    for _ in range(MAX_ITERATIONS):
        trial = b + step
        with np.errstate(over="ignore", invalid="ignore"):
            eta = rows.offset + rows.X @ trial
            value = (
                float(np.sum(model.family.log_likelihood(rows.y, rows.weight, eta, 0.0))) - trial @ ridge @ trial / 2
            )
            l1, l2 = model.family.derivatives(rows.y, rows.weight, eta, 0.0, 2)
        if best == -np.inf and not np.isfinite(value):
            return b
        if not value >= best - ENOUGH:
            step = step / 2
            continue
        gradient = l1 @ rows.X - ridge @ trial
        step = np.linalg.solve(ridge - weighted_cross_product(rows.X, l2), gradient)
        b, best = trial, value
        if step @ gradient / 2 <= ENOUGH:
            return b + step
    return b
