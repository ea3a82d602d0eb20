"""Which round a site answers (G3): one after the other, each at one psi."""

from collections.abc import Mapping
from typing import TypeAlias

from shared.errors import RefusedError
from shared.messages import ContributionRequest, EvaluateRequest

RULE = "G3"
Point: TypeAlias = tuple[tuple[float, ...], tuple[float, ...], int]
"""psi, the basis and the nodes of quadrature."""


def point_of(request: ContributionRequest) -> Point:
    """Where a round asks for the likelihood; the start asks nowhere."""
    if isinstance(request, EvaluateRequest):
        return request.psi, request.basis, request.quadrature_points
    return (), (), 1


def check_round(
    request: ContributionRequest, answered: Mapping[int, Point], max_rounds: int, *, closed: bool = False
) -> None:
    """A request asks for the next round, or again for one that was answered at the same psi.

    Args:
        request: what is asked.
        answered: where each round was answered.
        max_rounds: of the specification.
        closed: whether the analysis has ended.

    Raises:
        RefusedError: its round was answered at another psi, is not the next one, is more than the specification
            allows, or the analysis has ended.
    """
    if request.round in answered and answered[request.round] == point_of(request):
        return  # the reply is a function of the rows and psi: a coordinator that went back to an older copy goes on
    if closed:
        raise _refused("the analysis has ended.", "Start a new analysis.", "analysis_closed")
    if answered and request.round <= max(answered):
        raise _refused("this round was answered, for another request.", "Ask for the next round.", "round_answered")
    if answered and request.round > max(answered) + 1:
        raise _refused("this round is not the next one.", "Ask for the round after the last one.", "round_skipped")
    if request.round > max_rounds:
        remedy = "Submit the analysis again with a larger max_rounds."
        raise _refused("the specification allows fewer rounds.", remedy, "round_limit")


def _refused(message: str, remedy: str, code: str) -> RefusedError:
    return RefusedError(message, rule=RULE, where="the site's policy", remedy=remedy, code=code)
