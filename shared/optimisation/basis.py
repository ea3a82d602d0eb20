"""The basis of the random effects in which Lambda is estimated.

A correlated term's likelihood is the same in any basis of its columns, but the path to the optimum is not: uncentred
columns and a first effect that hardly varies make valleys that Newton crawls along. So the columns are ordered, the one
that varies most first, and made orthonormal over the pooled rows: z'b = (B'z)'b_w with b = B b_w, and Cov(b_w) = Lambda
Lambda'. B follows from the start's sums alone, a block for each term. Uncorrelated and single effects keep their own basis:
there the likelihood is not invariant.
"""

import numpy as np

from shared.optimisation.arithmetic import positive_ldl, product
from shared.parameters import Matrix, ParameterLayout, Term, Vector


def is_invariant(term: Term) -> bool:
    """Whether the likelihood is the same in any basis of the term's columns."""
    return term.size > 1 and term.correlated


def choose_basis(layout: ParameterLayout, mean_products: Matrix, sd: Vector) -> Matrix:
    """B, (q, q): a block a term.

    Args:
        layout: of the parameters.
        mean_products: Z'Z / n over all rows, (q, q).
        sd: first standard deviations of the effects, (q,).
    """
    B = np.eye(layout.q)
    for term, block in layout.blocks:
        if is_invariant(term):
            B[block, block] = _orthonormal(mean_products[block, block], sd[block])
    return B


def start_lambda(layout: ParameterLayout, basis: Matrix, sd: Vector, smallest: float) -> Matrix:
    """Lambda, (q, q), with which uncorrelated effects of these standard deviations, (q,), start in a basis.

    In a basis of our own making its diagonal is at least `smallest`: next to zero, a saddle, Newton would dwell.
    """
    Lambda = np.diag(sd)
    for _, block in layout.blocks:
        B = basis[block, block]
        if not np.array_equal(B, np.eye(len(B))):
            Lambda[block, block] = _factor(B, sd[block], smallest)
    return Lambda


def _orthonormal(mean_products: Matrix, sd: Vector) -> Matrix:
    """The columns of one term, the one that varies most first, made orthonormal; the identity if they are collinear."""
    size = sd * np.sqrt(mean_products.diagonal())
    order = sorted(range(len(sd)), key=lambda a: (-size[a], a))
    factored = positive_ldl(mean_products[np.ix_(order, order)])
    if factored is None:
        return np.eye(len(sd))
    B = np.zeros((len(sd), len(sd)))
    B[order] = _inverse_of_lower(factored.cholesky()).T
    return B


def _factor(B: Matrix, sd: Vector, smallest: float) -> Matrix:
    inverse = np.stack([_solve(B, unit) for unit in np.eye(len(B))], axis=1)
    covariance = product(inverse * (sd * sd)[None, :], inverse.T)
    factored = positive_ldl(covariance)
    Lambda = np.diag(np.sqrt(covariance.diagonal())) if factored is None else factored.cholesky()
    return np.asarray(Lambda + np.diag(np.maximum(smallest - Lambda.diagonal(), 0.0)))


def _inverse_of_lower(C: Matrix) -> Matrix:
    """By forward substitution."""
    inverse = np.eye(len(C))
    for j in range(len(C)):
        inverse[j] = inverse[j] / C[j, j]
        inverse[j + 1 :] -= C[j + 1 :, j][:, None] * inverse[j][None, :]
    return inverse


def _solve(B: Matrix, v: Vector) -> Vector:
    """The x with Bx = v, for a B whose rows are those of an upper triangular matrix in some order."""
    order = sorted(range(len(B)), key=lambda a: int(np.flatnonzero(B[a])[0]))
    upper, x = B[order], v[order].copy()
    for j in range(len(x) - 1, -1, -1):
        x[j] = x[j] / upper[j, j]
        x[:j] -= upper[:j, j] * x[j]
    return x
