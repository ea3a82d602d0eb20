"""What each row weighs in a site's answer at one psi: for the site's policy to judge, and never to leave.

Gradient and Hessian are sums over rows of l1 x and l2 x x', at the conditional modes. Where beta is steep, l1 steps from one
constant to another within a short way of eta, and who moves the step past one row reads that row off the difference of two
answers; or one l2 outgrows all others, and the Hessian is that row. Both show in -l2, the slope of l1: it is what is left of
the few rows at the step, or of the one that dominates. So a row weighs the size of its observed l2, at the modes, for those
make the answer; weights at the fixed effects alone would be of rows that no sum is made of.

The observed l2 misses one step: that of a link whose -l2 itself passes from one constant to another, as the probit's does
between rows that it explains and rows that it does not. The expected information falls off at either side of it. So a family
without a dispersion whose link is not canonical is weighed in both ways; the expected information of a gamma response hides
what its observed one shows, and is not asked.
"""

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.rows import Rows


def weights_of(rows: Rows, family: Family, eta: Vector, l2: Vector) -> Matrix:
    """What each row weighs, (k, n) for the k ways in which the family is weighed.

    Args:
        rows: some rows.
        family: of their responses.
        eta: their predictors, (n,).
        l2: the second derivatives of their log-likelihoods there, (n,).
    """
    observed = np.abs(l2)
    if family.dispersion or family.canonical:
        return observed[None]
    _, expected = family.working(rows.y, rows.weight, eta)
    return np.stack([observed, expected])
