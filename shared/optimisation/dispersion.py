"""Where log phi starts, in every family that has a dispersion (docs/model.md, The start)."""

from shared.optimisation.arithmetic import log
from shared.parameters import Dispersion, Matrix, ParameterLayout

LEAST_EXCESS = 0.05
"""Of a variance factor beyond Poisson's, in a negative binomial start: less would be a size out of all proportion."""

NO_INFORMATION = 1e-7
"""Curvature along log phi from which on the data say nothing about it: a standard error of some 3000 on the log scale."""
LIMITS = {
    "sigma": "the residual sd is 0",
    "shape": "the shape is unlimited: responses are as good as without dispersion",
    "size": "the size is unlimited: responses vary no more than Poisson's",
}
"""Where each dispersion makes no difference any more."""


def at_its_limit(layout: ParameterLayout, hessian: Matrix) -> bool:
    """Whether phi at an optimum has run so far, to 0 or to infinity, that the likelihood no longer depends on it."""
    return bool(layout.dispersion) and bool(-hessian[-1, -1] <= NO_INFORMATION)


def initial_log_phi(dispersion: Dispersion, variance: float, mean: float) -> float:
    """Lambda from quasi-likelihood, to the same bits on every machine.

    Args:
        dispersion: what phi is.
        variance: s2 > 0 with Var(y) = s2 V(mu), V being 1 (sigma), mu (size), mu^2 or mu^3 (shape).
        mean: the mean response, > 0; only a size asks for it.
    """
    match dispersion:
        case "sigma":
            return 0.5 * log(variance)
        case "size":  # mu + mu^2 / k = s2 mu
            return log(mean / max(variance - 1.0, LEAST_EXCESS))
    return -log(variance)
