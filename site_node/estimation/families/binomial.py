"""Binomial responses with the logit link."""

import numpy as np
from scipy.special import expit, gammaln, xlogy

from shared.parameters import Dispersion, Vector
from site_node.estimation.families.family import DispersionDerivatives


class BinomialLogit:
    """y is a proportion, weight the size (times a prior weight): l = weight (y eta - log(1 + exp eta))."""

    dispersion: Dispersion = ""

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:  # noqa: ARG002 -- no dispersion
        """Relative to mu = y. The exponential is of a number that is never positive: no overflow at any eta."""
        l = y * eta - np.maximum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))
        mixed = np.flatnonzero((y > 0.0) & (y < 1.0))
        if len(mixed):  # a proportion: minus the divergence of mu from y
            p, mu = y[mixed], expit(eta[mixed])
            with np.errstate(divide="ignore"):
                l[mixed] = p * np.log1p((mu - p) / p) + (1.0 - p) * np.log1p((p - mu) / (1.0 - p))
        return weight * l

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:  # noqa: ARG002 -- no dispersion
        """One exponential a row serves them all."""
        e = np.exp(-np.abs(eta))
        d = 1.0 / (1.0 + e)
        mu = np.exp(np.minimum(eta, 0.0)) * d
        variance = e * d * d
        l2 = -weight * variance
        ls = [weight * (y - mu), l2]
        if order > 2:  # noqa: PLR2004 -- the order of a derivative
            ls += [l2 * (1.0 - 2.0 * mu), l2 * (1.0 - 6.0 * variance)]
        return ls

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """There are none."""
        raise NotImplementedError

    def constant(self, y: Vector, weight: Vector) -> float:
        """The saturated model's: log C(size, successes) and the log-likelihood at mu = y; 0 for 0/1 responses of any weight."""
        mixed = (y > 0.0) & (y < 1.0)
        m, p = weight[mixed], y[mixed]
        coefficients = gammaln(m + 1.0) - gammaln(m * p + 1.0) - gammaln(m * (1.0 - p) + 1.0)
        return float(np.sum(coefficients + m * (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p))))
