"""Inverse Gaussian responses with the log link; phi is the shape: the variance is mu^3 / phi."""

import numpy as np

from shared.parameters import Vector
from site_node.estimation.families.scaled import Scaled


class InverseGaussianLog(Scaled):
    """m = -(W - 1)^2 / 2y with W = y / mu. It is not concave in eta: l2 > 0 where 2 y < mu (docs/model.md, Laplace)."""

    power_of_y = 1.5

    def unit(self, y: Vector, eta: Vector) -> Vector:
        """-(W - 1)^2 / 2y."""
        return -(np.expm1(np.log(y) - eta) ** 2) / (2.0 * y)

    def unit_derivatives(self, y: Vector, eta: Vector, order: int) -> list[Vector]:
        """Each derivative of W^2 / y = W / mu brings -2, and each of W / y = 1 / mu brings -1."""
        log_W = np.log(y) - eta
        W, precision = np.exp(log_W), np.exp(-eta)
        ms = [precision * np.expm1(log_W)]
        return ms + [(-1.0) ** (k - 1) * precision * (2.0 ** (k - 1) * W - 1.0) for k in range(2, order + 1)]

    def information(self, eta: Vector) -> Vector:
        """1 / mu."""
        return np.exp(-eta)

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:  # noqa: ARG002 -- a family's signature
        """Log y."""
        return np.log(y)

    def delta(self, phi: Vector) -> tuple[Vector, Vector, Vector]:
        """Nothing is left: the saddlepoint approximation is this density."""
        nothing = np.zeros_like(phi)
        return nothing, nothing, nothing
