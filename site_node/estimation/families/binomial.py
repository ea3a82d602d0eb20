"""Binomial responses: what the links share, and the logit."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import expit, gammaln, logit, xlogy

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives

CLOSE = 0.5
"""How far mu may be from a proportion, relative to the nearer of 0 and 1, for the divergence to be written with log1p."""


class Binomial(ABC):
    """y is a proportion, weight the size (times a prior weight): l = weight (y log mu + (1 - y) log(1 - mu)).

    A link is the two logarithms as functions of eta, in a form that neither overflows nor cancels.
    """

    dispersion: Dispersion = ""
    canonical = False
    limited = False
    working_log_phi = 0.0

    @abstractmethod
    def logs(self, eta: Vector) -> tuple[Vector, Vector]:
        """Log mu and log(1 - mu)."""

    @abstractmethod
    def slopes(self, eta: Vector, order: int) -> tuple[list[Vector], list[Vector]]:
        """The first `order` derivatives of log mu in eta, and those of log(1 - mu)."""

    @abstractmethod
    def mean(self, eta: Vector) -> Vector:
        """The probability mu."""

    @abstractmethod
    def link(self, mu: Vector) -> Vector:
        """The predictor of a probability strictly between 0 and 1."""

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:  # noqa: ARG002 -- no dispersion
        """Relative to mu = y."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            l = _mixture(y, *self.logs(eta))
            mixed = np.flatnonzero((y > 0.0) & (y < 1.0))
            if len(mixed):
                l[mixed] = _relative(l[mixed], y[mixed], self.mean(eta[mixed]))
            return weight * l

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:  # noqa: ARG002 -- no dispersion
        """Those of the two logarithms, in the proportions of y."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return [weight * _mixture(y, *pair) for pair in zip(*self.slopes(eta, order), strict=True)]

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """There are none."""
        raise NotImplementedError

    def constant(self, y: Vector, weight: Vector) -> float:
        """The saturated model's: log C(size, successes) and the log-likelihood at mu = y; 0 for 0/1 responses of any weight."""
        mixed = (y > 0.0) & (y < 1.0)
        m, p = weight[mixed], y[mixed]
        coefficients = gammaln(m + 1.0) - gammaln(m * p + 1.0) - gammaln(m * (1.0 - p) + 1.0)
        return float(np.sum(coefficients + m * (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p))))

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:
        """The proportion with half a success and half a failure more."""
        return self.link((weight * y + 0.5) / (weight + 1.0))

    def working(self, y: Vector, weight: Vector, eta: Vector) -> tuple[Vector, Vector]:
        """The information mu'^2 / mu (1 - mu) is minus the product of the two logarithms' slopes."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            (success, _), (failure, _) = self.slopes(eta, 2)
            return weight * _mixture(y, success, failure), -weight * success * failure


def _mixture(y: Vector, success: Vector, failure: Vector) -> Vector:
    """The sum y success + (1 - y) failure, where an outcome that was not observed says nothing even if it is infinite."""
    return np.where(y > 0.0, y * success, 0.0) + np.where(y < 1.0, (1.0 - y) * failure, 0.0)


def _relative(l: Vector, p: Vector, mu: Vector) -> Vector:
    """The l of a proportion p less its value at mu = p: minus the divergence of mu from p where they are close."""
    d = mu - p
    near = p * np.log1p(d / p) + (1.0 - p) * np.log1p(-d / (1.0 - p))
    return np.where(np.abs(d) < CLOSE * np.minimum(p, 1.0 - p), near, l - xlogy(p, p) - xlogy(1.0 - p, 1.0 - p))


class BinomialLogit(Binomial):
    """eta = log(mu / (1 - mu)), the canonical link: l1 = weight (y - mu)."""

    canonical = True

    def logs(self, eta: Vector) -> tuple[Vector, Vector]:
        """The exponential is of a number that is never positive: no overflow at any eta."""
        tail = np.log1p(np.exp(-np.abs(eta)))
        return np.minimum(eta, 0.0) - tail, -np.maximum(eta, 0.0) - tail

    def slopes(self, eta: Vector, order: int) -> tuple[list[Vector], list[Vector]]:
        """Those of an event and of none."""
        one = np.ones_like(eta)
        return self.derivatives(one, one, eta, 0.0, order), self.derivatives(0.0 * one, one, eta, 0.0, order)

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:  # noqa: ARG002 -- no dispersion
        """One exponential a row serves them all."""
        e = np.exp(-np.abs(eta))
        larger = 1.0 / (1.0 + e)
        smaller = e * larger
        mu, rest = np.where(eta > 0.0, larger, smaller), np.where(eta > 0.0, smaller, larger)
        variance = larger * smaller
        l2 = -weight * variance
        ls = [weight * (y * rest - (1.0 - y) * mu), l2]
        if order > 2:  # noqa: PLR2004 -- the order of a derivative
            ls += [l2 * (rest - mu), l2 * (1.0 - 6.0 * variance)]
        return ls

    def mean(self, eta: Vector) -> Vector:
        """The logistic function."""
        return np.asarray(expit(eta))

    def link(self, mu: Vector) -> Vector:
        """The log odds."""
        return np.asarray(logit(mu))
