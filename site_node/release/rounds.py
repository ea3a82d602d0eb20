"""Which round a site answers next (G3): one after the other, each once."""

from shared.errors import RefusedError
from shared.messages import ContributionRequest

RULE = "G3"


def check_round(request: ContributionRequest, last: ContributionRequest | None, max_rounds: int) -> None:
    """A request that is not the last one again asks for the next round.

    Args:
        request: what is asked.
        last: the request that was answered last; none in a process that has answered none, which may have restarted.
        max_rounds: of the specification.

    Raises:
        RefusedError: its round was answered, is not the next one, or is more than the specification allows.
    """
    if last is not None and request.round <= last.round:
        raise _refused("this round was answered, for another request.", "Ask for the next round.", "round_answered")
    if last is not None and request.round > last.round + 1:
        raise _refused("this round is not the next one.", "Ask for the round after the last one.", "round_skipped")
    if request.round > max_rounds:
        remedy = "Submit the analysis again with a larger max_rounds."
        raise _refused("the specification allows fewer rounds.", remedy, "round_limit")


def _refused(message: str, remedy: str, code: str) -> RefusedError:
    return RefusedError(message, rule=RULE, where="the site's policy", remedy=remedy, code=code)
