"""Gamma responses with the log or the inverse link; phi is the shape k: the variance is mu^2 / k."""

import numpy as np

from shared.parameters import Vector
from site_node.estimation.families.scaled import Scaled
from site_node.estimation.families.special import log1p_less, stirling, stirling_slopes


class Gamma(Scaled):
    """m = log W - (W - 1) with W = y / mu; delta is what Stirling's formula leaves of log Gamma(k)."""

    power_of_y = 1.0

    def delta(self, phi: Vector) -> tuple[Vector, Vector, Vector]:
        """About 1 / 12k."""
        return stirling(phi), *stirling_slopes(phi)


class GammaLog(Gamma):
    """W = y exp(-eta)."""

    def unit(self, y: Vector, eta: Vector) -> Vector:
        """The difference log W - (W - 1)."""
        log_W = np.log(y) - eta
        return log1p_less(np.expm1(log_W), log_W)

    def unit_derivatives(self, y: Vector, eta: Vector, order: int) -> list[Vector]:
        """m1 = W - 1, and then W with alternating sign."""
        log_W = np.log(y) - eta
        W = np.exp(log_W)
        return [np.expm1(log_W), -W, W, -W][:order]

    def information(self, eta: Vector) -> Vector:
        """The same in every row."""
        return np.ones_like(eta)

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:  # noqa: ARG002 -- a family's signature
        """Log y."""
        return np.log(y)


class GammaInverse(Gamma):
    """W = y eta, for eta = 1 / mu as R has it. The domain is eta > 0."""

    canonical = True
    limited = True

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """Outside the domain minus infinity, with whatever weight."""
        return np.where(eta > 0.0, super().log_likelihood(y, weight, eta, log_phi), -np.inf)

    def unit(self, y: Vector, eta: Vector) -> Vector:
        """The difference log W - (W - 1)."""
        return log1p_less(y * eta - 1.0, np.log(y) + np.log(eta))

    def unit_derivatives(self, y: Vector, eta: Vector, order: int) -> list[Vector]:
        """m1 = mu - y, and then those of log eta."""
        mu = _mean(eta)
        return [mu - y, -(mu**2), 2.0 * mu**3, -6.0 * mu**4][:order]

    def information(self, eta: Vector) -> Vector:
        """The variance of a response at k = 1."""
        return _mean(eta) ** 2

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:  # noqa: ARG002 -- a family's signature
        """1 / y."""
        return 1.0 / y


def _mean(eta: Vector) -> Vector:
    """1 / eta inside the domain."""
    with np.errstate(over="ignore"):
        return 1.0 / np.where(eta > 0.0, eta, np.nan)
