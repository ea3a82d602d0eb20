"""Gaussian responses with the identity link; phi is the residual standard deviation."""

import math

import numpy as np

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives


class GaussianIdentity:
    """l = weight (-(y - eta)^2 / (2 phi^2) - log phi); a weight is a likelihood weight, as in glmmTMB."""

    dispersion: Dispersion = "sigma"
    canonical = True
    limited = False
    working_log_phi = 0.0

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """Without the part of 2 pi, which is in the constant."""
        return np.asarray(weight * (-0.5 * np.exp(-2.0 * log_phi) * (y - eta) ** 2 - log_phi))

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:
        """The third and fourth derivatives vanish."""
        precision = weight * np.exp(-2.0 * log_phi)
        return [precision * (y - eta), -precision, *([np.zeros_like(eta)] * (order - 2))]

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """docs/model.md, Dispersion, Gaussian."""
        l2 = -weight * np.exp(-2.0 * log_phi)
        l1 = l2 * (eta - y)
        squared = l1 * (y - eta)
        return DispersionDerivatives(
            l_d=squared - weight,
            l1_d=-2.0 * l1,
            l2_d=-2.0 * l2,
            l3_d=np.zeros_like(eta),
            l_dd=-2.0 * squared,
            l1_dd=4.0 * l1,
            l2_dd=4.0 * l2,
        )

    def constant(self, y: Vector, weight: Vector) -> float:  # noqa: ARG002 -- a family's signature
        """Minus half log(2 pi) for each unit of weight."""
        return -0.5 * math.log(2.0 * math.pi) * float(np.sum(weight))

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:  # noqa: ARG002 -- a family's signature
        """The response itself."""
        return y

    def working(self, y: Vector, weight: Vector, eta: Vector) -> tuple[Vector, Vector]:
        """At phi = 1."""
        return weight * (y - eta), weight
