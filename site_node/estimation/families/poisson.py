"""Poisson responses with the log link."""

import numpy as np
from scipy.special import gammaln, xlogy

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives

ABOVE_ZERO = 0.1
"""What is added to a count whose logarithm is a start."""


class PoissonLog:
    """y is a count: l = weight (y eta - exp eta)."""

    dispersion: Dispersion = ""
    canonical = True
    limited = False
    working_log_phi = 0.0

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:  # noqa: ARG002 -- no dispersion
        """Relative to mu = y. It overflows to minus infinity; callers refuse that point."""
        with np.errstate(over="ignore"):
            above_zero = np.where(y > 0.0, y, 1.0)
            d = eta - np.log(above_zero)
            return weight * np.where(y > 0.0, y * (d - np.expm1(d)), -np.exp(eta))

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:  # noqa: ARG002 -- no dispersion
        """Every derivative from the second on is minus the mean."""
        with np.errstate(over="ignore"):
            mu = weight * np.exp(eta)
        return [weight * y - mu, *([-mu] * (order - 1))]

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """There are none."""
        raise NotImplementedError

    def constant(self, y: Vector, weight: Vector) -> float:
        """The saturated model's: the sum of weight (y log y - y - log y!)."""
        return float(np.sum(weight * (xlogy(y, y) - y - gammaln(y + 1.0))))

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:  # noqa: ARG002 -- a family's signature
        """Log y, a little more so that zeros have one."""
        return np.log(y + ABOVE_ZERO)

    def working(self, y: Vector, weight: Vector, eta: Vector) -> tuple[Vector, Vector]:
        """The link is canonical: the information is observed and expected."""
        with np.errstate(over="ignore"):
            mu = weight * np.exp(eta)
        return weight * y - mu, mu
