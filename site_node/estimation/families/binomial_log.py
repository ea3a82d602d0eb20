"""Binomial responses with the log link, whose coefficients are log risk ratios. Its domain is eta < 0."""

import numpy as np

from shared.parameters import Vector
from site_node.estimation.families.binomial import Binomial

HALF = -0.7
"""About log(1/2): above it 1 - mu is the small one of the two, and below it mu."""
HIGHEST_START = -0.05
"""A start stays this far inside the domain."""


class BinomialLog(Binomial):
    """mu = exp(eta)."""

    limited = True

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """Outside the domain minus infinity, whatever was observed and with whatever weight."""
        return np.where(eta < 0.0, super().log_likelihood(y, weight, eta, log_phi), -np.inf)

    def logs(self, eta: Vector) -> tuple[Vector, Vector]:
        """Log(1 - mu) = log(1 - exp(eta))."""
        return eta.copy(), np.where(eta > HALF, np.log(-np.expm1(eta)), np.log1p(-np.exp(eta)))

    def slopes(self, eta: Vector, order: int) -> tuple[list[Vector], list[Vector]]:
        """With the odds o = mu / (1 - mu): o' = o (1 + o)."""
        inside = np.where(eta < 0.0, 1.0, np.nan)
        o = inside / np.expm1(-eta)
        failure = [-o, -o * (1.0 + o)]
        if order > 2:  # noqa: PLR2004 -- the order of a derivative
            failure += [failure[1] * (1.0 + 2.0 * o), failure[1] * (1.0 + 6.0 * o * (1.0 + o))]
        return [inside, *([0.0 * inside] * (order - 1))], failure

    def mean(self, eta: Vector) -> Vector:
        """The risk."""
        return np.exp(np.where(eta < 0.0, eta, np.nan))

    def link(self, mu: Vector) -> Vector:
        """Log mu, but not close to the end of the domain: it is asked for starts alone."""
        return np.minimum(np.log(mu), HIGHEST_START)
