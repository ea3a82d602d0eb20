"""Where log phi starts, in every family that has a dispersion (docs/model.md, The start)."""

from shared.optimisation.arithmetic import log
from shared.specification import FamilyName

LEAST_EXCESS = 0.05
"""Of a variance factor beyond Poisson's, in a negative binomial start: less would be a size out of all proportion."""


def initial_log_phi(family: FamilyName, variance: float, mean: float) -> float:
    """Lambda from quasi-likelihood, to the same bits on every machine.

    Args:
        family: one with a dispersion.
        variance: s2 > 0 with Var(y) = s2 V(mu), V being 1, mu (negative binomial), mu^2 (gamma) or mu^3 (inverse Gaussian).
        mean: the mean response, > 0 in a negative binomial family; no other asks for it.
    """
    match family:
        case "gaussian":
            return 0.5 * log(variance)
        case "negative_binomial":  # mu + mu^2 / k = s2 mu
            return log(mean / max(variance - 1.0, LEAST_EXCESS))
        case _:
            return -log(variance)
