"""Binomial responses with the complementary log-log link: the probability of at least one of Poisson events."""

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import exprel

from shared.parameters import Vector
from site_node.estimation.families.binomial import Binomial

SMALL = 0.5
"""Below this rate series serve: the closed forms cancel there."""
CERTAIN = 800.0
"""From this rate on a failure is out of floating point's reach: mu = 1, and log mu has no slope."""
_SERIES = np.array(
    [-1 / 2, -1 / 12, 0, 1 / 720, 0, -1 / 30240, 0, 1 / 1209600, 0, -1 / 47900160, 0, 691 / 1307674368000]
)
"""Of k below in powers of the rate: Bernoulli's numbers B_n / n! with their sign changed."""


class BinomialCloglog(Binomial):
    """mu = 1 - exp(-r) with the rate r = exp(eta)."""

    def logs(self, eta: Vector) -> tuple[Vector, Vector]:
        """Log mu = eta + log((1 - exp(-r)) / r)."""
        r = np.exp(eta)
        return np.where(r < SMALL, eta + np.log(exprel(-r)), np.log1p(-np.exp(-r))), -r

    def slopes(self, eta: Vector, order: int) -> tuple[list[Vector], list[Vector]]:
        """With b = r / (exp r - 1), the slope of log mu, and k = 1 - r - b: b' = b k and k' = -r - b k."""
        rate = np.exp(eta)
        r = np.minimum(rate, CERTAIN)
        b = 1.0 / exprel(r)
        low = np.minimum(r, SMALL)
        k = np.where(r < SMALL, low * polyval(low, _SERIES), 1.0 - r - b)
        success = [b, b * k]
        if order > 2:  # noqa: PLR2004 -- the order of a derivative
            dk = -r - b * k
            third = k * k + dk
            success += [b * third, b * (k * third + 2.0 * k * dk - r - b * (k * k + dk))]
        return success, [-rate] * order

    def mean(self, eta: Vector) -> Vector:
        """1 - exp(-r)."""
        with np.errstate(over="ignore"):
            return -np.expm1(-np.exp(eta))

    def link(self, mu: Vector) -> Vector:
        """log(-log(1 - mu))."""
        return np.log(-np.log1p(-mu))
