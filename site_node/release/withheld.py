"""What a site says at a trial point where no answer may leave (G1): nothing, as where the log-likelihood is not finite.

The step refuses such a trial and makes a shorter one, so that a fit does not end where it only came by. Each costs a round and
tells that something of this site is above the limit there, so there are few.
"""

from collections.abc import Collection, Mapping

from shared.messages import EvaluateRequest
from shared.optimisation.state import State
from site_node.release.rounds import Point

MOST_WITHHELD = 3
"""Answers of an analysis."""


def may_withhold(
    request: EvaluateRequest, answered: Mapping[int, Point], withheld: Collection[int], state: State | None
) -> bool:
    """Whether a round is a trial that the step can make shorter, and not one too many.

    Args:
        request: the round's.
        answered: where the rounds of the analysis were answered.
        withheld: those in which nothing was said by this rule.
        state: the optimiser's, where the site knows it from proved sums.
    """
    if request.round in withheld:
        return True
    return len(withheld) < MOST_WITHHELD and _is_trial(request, answered, state)


def _is_trial(request: EvaluateRequest, answered: Mapping[int, Point], state: State | None) -> bool:
    """Whether there is a better point to go back to: neither at the first psi, nor where one is asked for again with more nodes.

    A site that does not know the sums takes for one what comes after a round of its own, at a psi that it has not seen.
    """
    if state is not None:
        return state.point is not None
    before = [point[0] for number, point in answered.items() if 0 < number < request.round]
    return bool(before) and request.psi not in before
