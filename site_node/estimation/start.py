"""The site's part of the one-shot start (shared/optimisation/start.py; docs/model.md, The step, the start, the end)."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from shared.contribution import Contribution
from shared.errors import DataError
from shared.optimisation.start import StartContribution, Totals, grid, standard_deviations
from shared.parameters import Matrix, Parameters, Vector
from site_node.estimation.arrow import Arrow
from site_node.estimation.exposure import weights_of
from site_node.estimation.families.family import Family
from site_node.estimation.model import Model
from site_node.estimation.nesting import Nesting
from site_node.estimation.own_optimum import default_point, mean_eta, of_responses, own_optimum, slopes
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

ENOUGH_ROWS = 20_000
"""Rows that find a point to expand about as well as all of them do."""


def start_contribution(rows: Rows, model: Model) -> StartContribution:
    """The site's part of the start, from its own optimum.

    Raises:
        DataError: as `exposed_start`.
    """
    start, _ = exposed_start(rows, model)
    return start


def default_start(rows: Rows, model: Model) -> StartContribution:
    """The same from a point that no response has a part in, for a site of whose own optimum a single unit decides too much.

    Raises:
        DataError: as `exposed_start`.
    """
    start, _ = exposed_start(rows, model, at_default=True)
    return start


def exposed_start(rows: Rows, model: Model, *, at_default: bool = False) -> tuple[StartContribution, Matrix]:
    """Expand the site's log-likelihood about a point and integrate the random effects out at each grid point.

    The point is the site's own optimum, or one that is the same for all rows of a family: then the message says less of the
    start, in the same form.

    The light ridge and the wide prior decide only where to expand; the quadratic is that of the log-likelihood alone, so
    they do not pull the estimates. In a family with a dispersion it is the quadratic of quasi-likelihood at phi = 1: that
    of the Gaussian model of the working responses.

    Returns:
        The start, and what each row weighs in it, (k, n) as `weights_of`.

    Raises:
        DataError: the log-likelihood is not finite where it is expanded.
    """
    layout, family = model.layout, model.family
    p, size = layout.p, layout.size
    totals = _totals(rows, model)
    weight = float(np.sum(rows.weight))
    factors = [np.diag(standard_deviations(layout, octaves, totals)) for octaves in grid(layout)]
    at = _where_to_expand(rows, model, totals, at_default=at_default)
    expansion, integrals, weights = _expand(rows, model, at, factors)
    if expansion is None and family.limited:  # with effects that wide a group's mode is beyond the end of the domain
        expansion, integrals, weights = _expand(rows, model, replace(at, Lambda=np.zeros_like(at.Lambda)), factors)
    if expansion is None:
        raise DataError(
            "the log-likelihood is not finite where this site begins."
            if at_default
            else "the log-likelihood is not finite at this site's own optimum.",
            where="the offset and the columns",
            remedy="Look at their scale: for counts an offset is the log of an exposure.",
            code="not_finite",
        )
    constant = family.constant(rows.y, rows.weight)
    quadratics = []
    for integral in integrals:
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        gradient[:p] = expansion.gradient + integral.gradient
        hessian[:p, :p] = expansion.hessian + integral.hessian
        if layout.dispersion:
            in_units_of_phi = -2.0 * (expansion.value + integral.gain)
            gradient[-1], hessian[-1, -1] = in_units_of_phi - weight, -2.0 * in_units_of_phi
            value = constant - integral.log_det / 2
        else:
            value = constant + expansion.value + integral.gain - integral.log_det / 2
        quadratics.append(Contribution(value, gradient, (hessian + hessian.T) / 2))
    return StartContribution(tuple(quadratics), totals, int(at_default)), weights


def _totals(rows: Rows, model: Model) -> Vector:
    """What StartContribution.totals says."""
    layout, family = model.layout, model.family
    weight = float(np.sum(rows.weight))
    products = (rows.Z.T @ rows.Z)[np.ix_(rows.effects, rows.effects)]
    totals = Totals(
        rows=float(rows.n),
        groups=float(rows.groups),
        weight=weight,
        residual=_own_residual(rows, family) if family.dispersion in {"sigma", "shape"} else 0.0,
        responses=float(rows.weight @ rows.y) if family.dispersion == "size" else 0.0,
        predictors=weight * mean_eta(rows, family) if family.limited else 0.0,
    )
    return np.array([*totals, *products[np.tril_indices(layout.q)].tolist()])


def _where_to_expand(rows: Rows, model: Model, totals: Vector, *, at_default: bool) -> Parameters:
    """A point, and a wide prior of the modes: one unit of the linear predictor. A Gaussian model is exact."""
    layout, family = model.layout, model.family
    if family.dispersion == "sigma":
        return Parameters(np.zeros(layout.p), np.zeros((layout.q, layout.q)), 0.0)
    wide = np.diag(standard_deviations(layout, (0.0,) * layout.q, totals))
    some = rows.thinned(ENOUGH_ROWS)
    beta = default_point(some, family) if at_default else own_optimum(some, family)
    return Parameters(beta, wide, family.working_log_phi)


@dataclass(frozen=True)
class _Integral(Additive):
    """What integrating u adds to a quadratic in beta: to its value at beta = 0, its gradient there and its Hessian."""

    gain: float
    log_det: float
    gradient: Vector
    hessian: Matrix


def _expand(
    rows: Rows, model: Model, at: Parameters, factors: list[Matrix]
) -> tuple[Contribution | None, list[_Integral], Matrix]:
    """The log-likelihood's quadratic about b and the modes under a wide prior: in beta at 0, its integrals over v, the weights.

    Without the family's constant. None where the log-likelihood is not finite.
    """
    p = model.layout.p
    value, gradient, hessian = 0.0, np.zeros(p), np.zeros((p, p))
    integrals, weights = [_Integral(0.0, 0.0, np.zeros(p), np.zeros((p, p))) for _ in factors], []
    for part in over_slabs(partial(_expand_slab, model=model, at=at, factors=factors), rows):
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
        integrals = [old + new for old, new in zip(integrals, part[3], strict=True)]
        weights.append(part[4])
    if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return None, integrals, np.zeros((0, rows.n))
    whole = Contribution(value, gradient, (hessian + hessian.T) / 2)
    return whole, integrals, np.concatenate(weights, axis=1)


def _expand_slab(
    slab: Rows, spread: Spread, *, model: Model, at: Parameters, factors: list[Matrix]
) -> tuple[float, Vector, Matrix, list[_Integral], Matrix]:
    """A slab's part of `_expand`: value, gradient (p,) and Hessian (p, p) at beta = 0, an integral for each Lambda, weights."""
    nesting = Nesting(slab.outer, model.layout.q_outer)
    predictors, u = with_modes(slab, nesting, model.family, at, spread)
    parts = spread(lambda predictor: (predictor.groups, _Sums.of(predictor, u, model)), predictors)
    sums = put_together(list(parts), slab.groups)
    integrals = [_integrate(sums, slab.loadings(Lambda), nesting) for Lambda in factors]
    weights = np.concatenate(list(spread(lambda predictor: _weights(predictor, u, model), predictors)), axis=1)
    return sums.value, sums.gradient, sums.hessian, integrals, weights


def _weights(predictor: Predictor, u: Matrix, model: Model) -> Matrix:
    rows, eta = predictor.rows, predictor.eta(u)
    return weights_of(rows, model.family, eta, slopes(rows, model.family, eta)[1])


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
        """Of the rows at u, (G, q)."""
        rows, eta, family = predictor.rows, predictor.eta(u), model.family
        l1, l2 = slopes(rows, family, eta)
        eta = eta - rows.offset
        working = l1 - l2 * eta
        if family.dispersion:  # minus half the working responses' sum of squares
            value = -0.5 * np.sum(np.divide(working * working, -l2, out=np.zeros_like(l2), where=l2 < 0.0))
        else:
            l = family.log_likelihood(rows.y, rows.weight, predictor.eta(u), 0.0)
            value = np.sum(l - l1 * eta + l2 * eta * eta / 2)
        C, J = (weighted_by_group(-l2 * rows.Z.T, part, rows.starts) for part in (rows.X, rows.Z))
        return cls(
            value=float(value),
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


def _own_residual(rows: Rows, family: Family) -> float:
    """The residual sum of squares in units of V(mu) about least squares; from some of the rows when there are many."""
    some = rows.thinned(ENOUGH_ROWS)
    score, information = family.working(some.y, some.weight, some.offset + some.X @ of_responses(some, family))
    squares = np.divide(score * score, information, out=np.zeros_like(score), where=information > 0.0)
    residual = float(np.sum(squares)) * rows.n / max(some.n, 1)
    return residual if np.isfinite(residual) else 0.0
