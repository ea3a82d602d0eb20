"""The integral itself, for one random effect a group: a fine trapezoidal rule on fixed nodes, and its maximum.

It shares nothing with the sites' quadrature but the families. For an integrand that is analytic and falls off like a normal
density the rule converges faster than any power of its step; the nodes do not move, so the derivatives are simple.
"""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.rows import Index
from tests.reference.cases import Case

U = np.linspace(-12.0, 12.0, 481)
ENOUGH = 1e-20
"""Newton decrement."""
MOST_STEPS = 50


@dataclass(frozen=True)
class Exact:
    """The maximum of the exact likelihood."""

    psi: Vector
    """beta, then the standard deviation."""
    log_likelihood: float
    covariance: Matrix


def log_terms(one: Case, psi: Vector) -> Matrix:
    """log of the integrand at each u, with the rule's weight, for each group: (G, K)."""
    start, fixed = _starts(one), one.offset + one.X @ psi[:-1]
    l = [one.model.family.log_likelihood(one.y, one.weight, fixed + psi[-1] * one.Z[:, 0] * u, 0.0) for u in U]
    by_group: Matrix = np.add.reduceat(np.array(l), start, axis=1)
    return by_group.T - U * U / 2.0 + float(np.log((U[1] - U[0]) / np.sqrt(2.0 * np.pi)))


def derivatives(one: Case, psi: Vector) -> tuple[float, Vector, Matrix]:
    """The exact log-likelihood, its gradient and its Hessian in beta and sd. Rows are sorted by group."""
    start, size, family = _starts(one), len(psi), one.model.family
    terms = log_terms(one, psi)
    top = terms.max(axis=1, keepdims=True)
    log_integral = top[:, 0] + np.log(np.exp(terms - top).sum(axis=1))
    share = np.exp(terms - log_integral[:, None])
    row_share = np.repeat(share, np.diff([*start, len(one.y)]), axis=0)
    slopes, hessian = np.zeros((len(U), len(start), size)), np.zeros((size, size))
    for k, u in enumerate(U):
        d = np.column_stack([one.X, one.Z[:, 0] * u])
        eta = one.offset + d @ psi
        l1, l2 = family.derivatives(one.y, one.weight, eta, 0.0, 2)
        slopes[k] = np.add.reduceat(l1[:, None] * d, start, axis=0)
        hessian += d.T @ ((row_share[:, k] * l2)[:, None] * d) + slopes[k].T @ (share[:, k, None] * slopes[k])
    gradient = np.einsum("gk,kgp->gp", share, slopes)
    constant = family.constant(one.y, one.weight)
    return float(log_integral.sum()) + constant, gradient.sum(axis=0), hessian - gradient.T @ gradient


def maximise(one: Case, near: Vector) -> Exact:
    """By Newton, from nearby."""
    psi = near.copy()
    psi[-1] = abs(psi[-1])
    for _ in range(MOST_STEPS):
        value, gradient, hessian = derivatives(one, psi)
        step = np.linalg.solve(-hessian, gradient)
        if gradient @ step <= ENOUGH:
            return Exact(psi, value, np.linalg.inv(-hessian).astype(np.float64, copy=False))
        psi += step
    raise ArithmeticError(one.name)


def _starts(one: Case) -> Index:
    changes = np.flatnonzero(np.diff(one.group)) + 1
    if len(changes) + 1 != one.groups:
        raise ValueError("rows are not sorted by group")
    return np.concatenate([[0], changes])
