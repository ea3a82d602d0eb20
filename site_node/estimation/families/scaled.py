"""What gamma and inverse Gaussian responses share: the log-likelihood is linear in phi but for a function of phi alone."""

import math
from abc import ABC, abstractmethod

import numpy as np

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives


class Scaled(ABC):
    """l = weight (phi m + lambda/2 - delta(phi)), where m(y, eta) is minus half the unit deviance: no greater than 0.

    The derivatives in eta are phi times those of m, so every dot of theirs equals themselves (docs/model.md, Dispersion).
    """

    dispersion: Dispersion = "shape"
    canonical = False
    limited = False
    working_log_phi = 0.0
    power_of_y: float
    """The density's power of 1 / y when mu = y: in the constant."""

    @abstractmethod
    def unit(self, y: Vector, eta: Vector) -> Vector:
        """The m of each row."""

    @abstractmethod
    def unit_derivatives(self, y: Vector, eta: Vector, order: int) -> list[Vector]:
        """m1, ..., m_order."""

    @abstractmethod
    def information(self, eta: Vector) -> Vector:
        """The expected -m2."""

    @abstractmethod
    def initial_eta(self, y: Vector, weight: Vector) -> Vector:
        """The link of y."""

    @abstractmethod
    def delta(self, phi: Vector) -> tuple[Vector, Vector, Vector]:
        """Delta and its first and second derivative in lambda."""

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """Relative to mu = y in eta; what depends on phi stays."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            phi = np.exp(log_phi)
            return np.asarray(weight * (phi * self.unit(y, eta) + (log_phi / 2.0 - self.delta(phi)[0])))

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:
        """Phi times those of m."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            scale = weight * np.exp(log_phi)
            return [scale * m for m in self.unit_derivatives(y, eta, order)]

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """docs/model.md, Dispersion, gamma and inverse Gaussian."""
        l1, l2, l3, _ = self.derivatives(y, weight, eta, log_phi, 4)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            phi = np.exp(log_phi)
            _, first, second = self.delta(phi)
            m = phi * self.unit(y, eta)
            l_d, l_dd = weight * (m + (0.5 - first)), weight * (m - second)
        return DispersionDerivatives(l_d=l_d, l1_d=l1, l2_d=l2, l3_d=l3, l_dd=l_dd, l1_dd=l1, l2_dd=l2)

    def constant(self, y: Vector, weight: Vector) -> float:
        """Minus (log 2 pi)/2 and a multiple of log y for each unit of weight."""
        return float(-np.sum(weight * (0.5 * math.log(2.0 * math.pi) + self.power_of_y * np.log(y))))

    def working(self, y: Vector, weight: Vector, eta: Vector) -> tuple[Vector, Vector]:
        """Of m."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return weight * self.unit_derivatives(y, eta, 2)[0], weight * self.information(eta)
