"""Binomial responses with the probit link."""

import math

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr, ndtri

from shared.parameters import Vector
from site_node.estimation.families.binomial import Binomial

TAIL = -3.0
"""Below it the derivatives of log Phi, as polynomials in the Mills ratio, cancel."""
FRACTION = 60
"""Levels of the continued fraction that serves there: enough at TAIL, more than enough beyond."""


class BinomialProbit(Binomial):
    """mu = Phi(eta), and 1 - mu = Phi(-eta)."""

    def logs(self, eta: Vector) -> tuple[Vector, Vector]:
        """Both are log Phi."""
        return log_ndtr(eta), log_ndtr(-eta)

    def slopes(self, eta: Vector, order: int) -> tuple[list[Vector], list[Vector]]:
        """A derivative of odd order changes sign with eta."""
        failure = _log_ndtr_slopes(-eta, order)
        return _log_ndtr_slopes(eta, order), [slope * (-1.0) ** k for k, slope in enumerate(failure, start=1)]

    def mean(self, eta: Vector) -> Vector:
        """Phi."""
        return np.asarray(ndtr(eta))

    def link(self, mu: Vector) -> Vector:
        """The normal quantile."""
        return np.asarray(ndtri(mu))


def _log_ndtr_slopes(x: Vector, order: int) -> list[Vector]:
    """With m = phi / Phi and h = x + m: m' = -m h and h' = 1 - m h."""
    m = math.sqrt(2.0 / math.pi) / erfcx(-x / math.sqrt(2.0))
    h = x + m
    slopes = [m, -m * h]
    if order > 2:  # noqa: PLR2004 -- the order of a derivative
        slopes += [m * (h * h + m * h - 1.0), m * (3.0 * h + m - h * (h * h + 4.0 * m * h + m * m))]
    tail = np.flatnonzero(x < TAIL)
    if len(tail):
        for slope, found in zip(slopes, _tail_slopes(-x[tail]), strict=False):
            slope[tail] = found
    return slopes


def _tail_slopes(t: Vector) -> list[Vector]:
    """From h(t) = 1/(t + 2/(t + 3/(t + ...))) and its derivatives: m = t + h, where t = -x."""
    c = [t, np.ones_like(t), np.zeros_like(t), np.zeros_like(t)]
    for k in range(FRACTION, 1, -1):
        c = _reciprocal(c, float(k))
        c[0], c[1] = t + c[0], 1.0 + c[1]
    h = _reciprocal(c, 1.0)
    return [t + h[0], -1.0 - h[1], 2.0 * h[2], -6.0 * h[3]]


def _reciprocal(c: list[Vector], k: float) -> list[Vector]:
    """The quotient k / c, both as the coefficients of a power series in t."""
    r = [k / c[0]]
    for n in range(1, len(c)):
        r.append(-sum(c[i] * r[n - i] for i in range(1, n + 1)) / c[0])
    return r
