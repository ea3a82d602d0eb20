"""Poisson responses with the log link."""

import numpy as np
from scipy.special import gammaln

from shared.parameters import Vector
from site_node.estimation.families.family import DispersionDerivatives


class PoissonLog:
    """y is a count: l = weight (y eta - exp eta)."""

    dispersion = False

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:  # noqa: ARG002 -- no dispersion
        """It overflows to minus infinity; callers refuse that point."""
        with np.errstate(over="ignore"):
            return weight * (y * eta - np.exp(eta))

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:  # noqa: ARG002 -- no dispersion
        """Every derivative from the second on is minus the mean."""
        with np.errstate(over="ignore"):
            mu = weight * np.exp(eta)
        return [weight * y - mu, *([-mu] * (order - 1))]

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """There are none."""
        raise NotImplementedError

    def constant(self, y: Vector, weight: Vector) -> float:
        """Minus the sum of weight log y!."""
        return -float(np.sum(weight * gammaln(y + 1.0)))

    def valid_response(self, y: Vector, weight: Vector) -> bool:  # noqa: ARG002 -- a family's signature
        """Non-negative integers."""
        return bool(((y >= 0.0) & (y == np.floor(y))).all())
