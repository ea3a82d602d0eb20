"""How an estimation ends: named values that carry advice. An ending is not an exception."""

from dataclasses import dataclass
from enum import StrEnum


class OutcomeKind(StrEnum):
    """The endings of an estimation."""

    CONVERGED = "converged"
    """The optimum, inside the parameter space."""
    BOUNDARY = "boundary"
    """The optimum, with random effects whose covariance is singular, a variance of zero or a correlation of one; or with a
    dispersion at its limit."""
    SEPARATED = "separated"
    """A coefficient runs off to infinity."""
    NOT_IDENTIFIED = "not_identified"
    """The data cannot tell some parameters apart."""
    PERFECT_FIT = "perfect_fit"
    """The columns predict a Gaussian response exactly: there is no residual variance."""
    NOT_FINITE = "not_finite"
    """The log-likelihood is not finite where the estimation begins, or where it leads: at the end of a link's domain."""
    ROUND_LIMIT = "round_limit"
    """The allowed rounds are used up."""

    @property
    def has_estimates(self) -> bool:
        """Whether standard errors mean something here."""
        return self in {OutcomeKind.CONVERGED, OutcomeKind.BOUNDARY}


_ADVICE = {
    OutcomeKind.CONVERGED: "The estimates are the maximum of the likelihood.",
    OutcomeKind.BOUNDARY: "The likelihood is largest on the boundary of what the parameters can be ({names}): the "
    "estimates are those of the smaller model, and what is at the boundary has no standard error.",
    OutcomeKind.SEPARATED: "No finite estimate exists: some outcomes are predicted perfectly by {names}, whose "
    "coefficients run off to infinity. Leave the column out, merge its levels, or ask for more data.",
    OutcomeKind.NOT_IDENTIFIED: "The data cannot tell these apart: {names}. Leave one of them out; centre a variable whose "
    "powers are among them; and a group with one row has no effect of its own beside a residual.",
    OutcomeKind.PERFECT_FIT: "The columns predict the response exactly: no residual variance is left to estimate. Is the "
    "response constant, or computed from the columns?",
    OutcomeKind.NOT_FINITE: "The log-likelihood is not finite where the estimation begins, or where it leads. Look at the "
    "scale of the offset (for counts it is the log of the exposure) and of the columns. Where a link's domain ends (the log of "
    "a probability, the inverse of a mean) there may be no optimum inside: then choose another link. Or sites held their answers "
    "back there, because one patient is too much of them: their own logs say so, and fewer terms or another transformation help.",
    OutcomeKind.ROUND_LIMIT: "The rounds are used up and the tolerance is not reached. Raise max_rounds, or look at the "
    "trace for a parameter that keeps moving.",
}


@dataclass(frozen=True)
class Outcome:
    """An ending, what to make of it, and the parameters that it is about."""

    kind: OutcomeKind
    names: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """One or two sentences for the analyst."""
        return _ADVICE[self.kind].format(names=", ".join(self.names))
