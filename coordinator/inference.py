"""Standard errors, tests and intervals at the optimum, from the observed information over the whole of psi.

The covariance of psi is the inverse of -L'' (not of X'WX: docs/model.md, The step, the start, the end). Standard deviations
and correlations of the random effects are functions of theta; their standard errors are by the delta method.
"""

import math
from dataclasses import dataclass

import numpy as np

from coordinator.client import wald
from shared.contribution import Contribution
from shared.optimisation.dispersion import at_its_limit
from shared.parameters import Matrix, ParameterLayout, Vector

AT_ITS_LIMIT = 1e-12
"""How close to 1 a correlation is 1 up to rounding: it has no standard error there."""


@dataclass(frozen=True)
class Quantity:
    """One reported number of the random part, with its gradient in psi."""

    kind: str
    """"sd", "cor", or what the dispersion is: "sigma", "shape", "size"."""
    group: str
    """The grouping factor; "Residual" for the dispersion."""
    names: tuple[str, ...]
    """The random-effect column, or the two that correlate."""
    value: float
    """NaN for a correlation with an effect that does not vary."""
    gradient: Vector
    """(P,); NaN where there is no derivative."""


def covariance_of_psi(layout: ParameterLayout, psi: Vector, hessian: Matrix) -> Matrix:
    """Inverse observed information, (P, P): NaN for what lies on the boundary, over the free parameters otherwise.

    All NaN where -L'' is not positive definite over the free parameters.
    """
    bound = {k for k in layout.theta_diagonal if psi[k] == 0.0}
    bound |= {layout.size - 1} if at_its_limit(layout, hessian) else set()
    free = np.array([k for k in range(layout.size) if k not in bound])
    covariance = np.full((layout.size, layout.size), np.nan)
    A = -hessian[np.ix_(free, free)]
    if not (A.diagonal() > 0.0).all():
        return covariance
    root = np.sqrt(A.diagonal())
    scaled = A / root[:, None] / root[None, :]
    if np.linalg.eigvalsh(scaled)[0] <= np.finfo(float).eps * len(free):
        return covariance
    covariance[np.ix_(free, free)] = np.linalg.inv(scaled) / root[:, None] / root[None, :]
    return covariance


def random_quantities(layout: ParameterLayout, psi: Vector, basis: Matrix) -> list[Quantity]:
    """Of each term the sds, then the correlations (row by row below the diagonal, as lme4 lists them); then the dispersion.

    Args:
        layout: of psi.
        psi: (P,), in the basis.
        basis: B of shared/optimisation/basis.py, (q, q): the effects' factor is B Lambda.
    """
    parameters = layout.unpack(psi)
    Lambda = basis @ parameters.Lambda
    Sigma = Lambda @ Lambda.T
    dSigma = np.zeros((layout.q, layout.q, layout.size))
    for k, (a, b) in enumerate(layout.theta_entries, start=layout.p):
        dSigma[:, :, k] = np.outer(basis[:, a], Lambda[:, b])
        dSigma[:, :, k] += dSigma[:, :, k].T.copy()
    sd = np.sqrt(Sigma.diagonal())
    with np.errstate(divide="ignore", invalid="ignore"):
        dsd = np.diagonal(dSigma).T / (2.0 * sd[:, None])
        correlation = Sigma / np.outer(sd, sd)
        correlation = np.where(np.abs(correlation) > 1.0, np.sign(correlation), correlation)
        dcorrelation = dSigma / np.outer(sd, sd)[:, :, None] - correlation[:, :, None] * (
            (dsd / sd[:, None])[:, None, :] + (dsd / sd[:, None])[None, :, :]
        )
    dcorrelation[np.abs(correlation) > 1.0 - AT_ITS_LIMIT] = np.nan
    quantities = []
    for term, block in layout.blocks:
        places = range(block.start, block.stop)
        quantities += [Quantity("sd", term.group, (layout.random[a],), float(sd[a]), dsd[a]) for a in places]
        pairs = [(a, b) for a in places for b in range(block.start, a)] if term.correlated else []
        quantities += [
            Quantity(
                "cor", term.group, (layout.random[b], layout.random[a]), float(correlation[a, b]), dcorrelation[a, b]
            )
            for a, b in pairs
        ]
    if layout.dispersion:
        phi = math.exp(parameters.log_phi)
        gradient = np.zeros(layout.size)
        gradient[-1] = phi
        quantities.append(Quantity(layout.dispersion, "Residual", ("Observation",), phi, gradient))
    return quantities


def reported_covariance(layout: ParameterLayout, quantities: list[Quantity], covariance: Matrix) -> Matrix:
    """The covariance of (beta, sds and correlations, phi): J C J'. NaN where a quantity has no standard error."""
    jacobian = np.vstack([np.eye(layout.size)[: layout.p], *(quantity.gradient[None, :] for quantity in quantities)])
    known = np.isfinite(covariance).any(axis=1)
    usable = np.isfinite(jacobian).all(axis=1) & (jacobian[:, ~known] == 0.0).all(axis=1)
    result = np.full((len(jacobian), len(jacobian)), np.nan)
    inner = jacobian[np.ix_(usable, known)]
    result[np.ix_(usable, usable)] = inner @ covariance[np.ix_(known, known)] @ inner.T
    return result


def relative_gradient(summed: Contribution) -> float:
    """The largest entry of L' in units of the square root of its own curvature."""
    return float(np.max(np.abs(summed.gradient) / _root_of(summed)))


def smallest_curvature(summed: Contribution) -> float:
    """The smallest eigenvalue of -L'' scaled to a unit diagonal."""
    root = _root_of(summed)
    return float(np.linalg.eigvalsh(-summed.hessian / root[:, None] / root[None, :])[0])


def _root_of(summed: Contribution) -> Vector:
    """The square root of each curvature's size, (P,); 1 where there is none."""
    curvature = np.abs(summed.hessian.diagonal())
    return np.sqrt(np.where(curvature > 0.0, curvature, 1.0))


def interval(quantity: Quantity, se: float, reach: float) -> tuple[float, float]:
    """A Wald interval that stays where the quantity can be: on the log scale for an sd, on Fisher's z for a correlation."""
    return wald.interval(quantity.kind, quantity.value, se, reach)
