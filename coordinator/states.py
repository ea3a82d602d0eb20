"""The states of an analysis (docs/protocol.md draws the picture)."""

from enum import StrEnum

from shared.optimisation.outcome import OutcomeKind


class AnalysisState(StrEnum):
    """Where an analysis stands. An ended analysis never changes its state again."""

    SUBMITTED = "submitted"  # stored, its specification settled; no site has heard of it
    PREPARING = "preparing"  # every site is asked whether it can and will take part
    RUNNING = "running"  # rounds are being asked and summed
    PAUSED = "paused"  # a site is missing: `waiting_for` says which, `since` since when
    AWAITING_APPROVAL = "awaiting_approval"  # a person at a site, `waiting_for` says which, has not decided yet
    CONVERGED = "converged"  # the optimum, to the tolerance
    BOUNDARY = "boundary"  # the optimum lies at an sd of zero or a dispersion's limit: the smaller model's estimates
    SEPARATED = "separated"  # a coefficient runs off to infinity
    NOT_IDENTIFIED = "not_identified"  # the data do not determine some direction of the parameters
    PERFECT_FIT = "perfect_fit"  # the columns predict the response exactly: no residual variance
    NOT_FINITE = "not_finite"  # the log-likelihood is not finite where the estimation begins, or where it leads
    ROUND_LIMIT = "round_limit"  # the rounds ran out first
    REFUSED = "refused"  # a site's policy or a site's data do not allow it; the problems say whose and why
    FAILED = "failed"  # a named fault ended it
    CANCELLED = "cancelled"  # somebody ended it

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self in ENDED


WITH_RESULT = frozenset(AnalysisState(kind.value) for kind in OutcomeKind)
"""The endings of a fit: each has a result."""

ENDED = WITH_RESULT | {AnalysisState.REFUSED, AnalysisState.FAILED, AnalysisState.CANCELLED}
