"""Negative binomial counts (NB2) with the log link; phi is the size k: the variance is mu + mu^2 / k."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives
from site_node.estimation.families.poisson import PoissonLog
from site_node.estimation.families.special import log1p_less, stirling, stirling_slopes

NEAR = 0.5
"""How close to 1 a ratio must be for its logarithm to be taken with log1p."""


class NegativeBinomialLog(PoissonLog):
    """The log-likelihood without the Poisson's constant; N = y + k, and delta is what Stirling's formula leaves of log Gamma.

    l = weight ( -y log( y (k + mu) / mu N ) - k log( (k + mu) / N ) - log(1 + y/k)/2 + delta(N) - delta(k) )

    The first two terms are minus half the deviance; as k grows they become the Poisson's, and the others vanish. Where to
    start, the working model and the constant are the Poisson's too.
    """

    dispersion: Dispersion = "size"
    canonical = False
    working_log_phi = 30.0

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """No term is a difference of large numbers, at a small k or at a large one."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            k, mu = np.exp(log_phi), np.exp(eta)
            N = y + k
            own = _log_ratio((y - mu) / mu * (k / N), lambda: np.log(y) - np.log(N) + np.logaddexp(0.0, log_phi - eta))
            deviance = np.where(y > 0.0, y * own, 0.0) + k * _log_total(y, eta, log_phi)
            return np.asarray(weight * (stirling(N) - stirling(k) - np.log1p(y / k) / 2.0 - deviance))

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:
        """With p = mu / (mu + k), q = 1 - p and v = p q: l1 = y q - k p, and then those of -N p."""
        k, p, q = _shares(eta, log_phi)
        v = p * q
        l2 = -weight * (y + k) * v
        ls = [weight * (y * q - k * p), l2]
        if order > 2:  # noqa: PLR2004 -- the order of a derivative
            ls += [l2 * (q - p), l2 * (1.0 - 6.0 * v)]
        return ls

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """docs/model.md, Dispersion, NB2, each written so that k does not cancel."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            k, p, q = _shares(eta, log_phi)
            N, v, l1 = y + k, p * q, y * q - k * p
            f = k * log1p_less(l1 / k, -_log_total(y, eta, log_phi))
            (first_N, second_N), (first_k, second_k) = stirling_slopes(N), stirling_slopes(k)
            share = k / N
            l_d = f + y / N / 2.0 + share * first_N - first_k
            l_dd = f + l1 * l1 / N - share * (y / N) * (0.5 - first_N) + share**2 * second_N - second_k
        return DispersionDerivatives(
            l_d=weight * l_d,
            l1_d=weight * p * l1,
            l2_d=weight * v * (l1 - N * p),
            l3_d=weight * v * (y + 2.0 * k * p - 6.0 * N * v),
            l_dd=weight * l_dd,
            l1_dd=weight * p * l1 * (p - q),
            l2_dd=weight * v * ((p - q) * (l1 - N * p) + 2.0 * p * l1),
        )


def _shares(eta: Vector, log_phi: float) -> tuple[Vector, Vector, Vector]:
    """k, p = mu / (mu + k) and q = k / (mu + k)."""
    with np.errstate(over="ignore"):
        return np.exp(log_phi), expit(eta - log_phi), expit(log_phi - eta)


def _log_total(y: Vector, eta: Vector, log_phi: float) -> Vector:
    """log( (k + mu) / (k + y) )."""
    N = y + np.exp(log_phi)
    return _log_ratio((np.exp(eta) - y) / N, lambda: np.logaddexp(log_phi, eta) - np.log(N))


def _log_ratio(excess: Vector, far: Callable[[], Vector]) -> Vector:
    """The logarithm of 1 + excess, which `far` knows where that overflows or is far from 1."""
    near = np.abs(excess) < NEAR
    return np.where(near, np.log1p(np.where(near, excess, 0.0)), far())
