"""The restricted likelihood (REML) of a Gaussian model, from sums over sites (docs/model.md, REML).

    R = L - log det A / 2 + p log(2 pi) / 2        A = - L''_beta,beta = X'V^-1 X

Joint in beta, theta and lambda = log phi: L is quadratic in beta and A does not depend on it, so R is largest where REML,
which integrates beta out, is. The sites say how A moves with theta (Contribution.information). It is homogeneous of degree
-2 in (theta, phi), and Euler's relation gives what it does along lambda.
"""

import math
from itertools import product as pairs

import numpy as np

from shared.contribution import Contribution, worthless
from shared.optimisation.arithmetic import log, positive_ldl, product
from shared.parameters import Matrix, ParameterLayout, Stack, Vector

LOG_TWO_PI = 1.8378770664093453


def restricted(layout: ParameterLayout, psi: Vector, summed: Contribution) -> Contribution:
    """R, R' and R'' from the sum of the sites' contributions at psi; worthless where that is, or where A is not positive."""
    p, A = layout.p, -summed.hessian[: layout.p, : layout.p]
    factored = positive_ldl(A)
    if factored is None or summed.information is None or summed.is_worthless:
        return worthless(layout)
    log_det = math.fsum(log(pivot) for pivot in factored.pivots.tolist())
    log_det += 2.0 * math.fsum(log(root) for root in factored.root_scale.tolist())
    inverse = np.stack([factored.solve(unit) for unit in np.eye(p)], axis=1)
    first, second = _moves(A, psi[layout.theta], summed.information)
    solved = [product(inverse, dA) for dA in first]
    gradient, hessian = summed.gradient.copy(), summed.hessian.copy()
    for k, dA in enumerate(first):
        gradient[p + k] -= _inner(inverse, dA) / 2.0
    for k, j in pairs(range(len(first)), repeat=2):
        hessian[p + k, p + j] -= (_inner(inverse, second[max(k, j)][min(k, j)]) - _inner(solved[k], solved[j].T)) / 2.0
    return Contribution(summed.value - log_det / 2.0 + p * LOG_TWO_PI / 2.0, gradient, hessian)


def _moves(A: Matrix, theta: Vector, information: Stack) -> tuple[list[Matrix], list[list[Matrix]]]:
    """dA_k for every theta_k and lambda, and d2A_kj for j <= k.

    Along lambda: dA = -2 A - sum theta_k dA_k; the dA_k are homogeneous of degree -3, and dA of degree -2.
    """
    t = len(theta)
    first, rest = list(information[:t]), iter(information[t:])
    second = [[next(rest) for _ in range(k + 1)] for k in range(t)]
    along = -2.0 * A
    for value, dA in zip(theta.tolist(), first, strict=True):
        along = along - value * dA
    crossed = []
    for k in range(t):
        cross = -3.0 * first[k]
        for j, value in enumerate(theta.tolist()):
            cross = cross - value * second[max(k, j)][min(k, j)]
        crossed.append(cross)
    twice = -2.0 * along
    for value, cross in zip(theta.tolist(), crossed, strict=True):
        twice = twice - value * cross
    return [*first, along], [*second, [*crossed, twice]]


def _inner(A: Matrix, B: Matrix) -> float:
    """tr(A'B), rounded once."""
    return math.fsum((A * B).ravel().tolist())
