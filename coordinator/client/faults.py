"""What went wrong, as the errors of this project: an answer that is a Problem, an ending without a result."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared import codes
from shared.errors import (
    CredentialsError,
    FedglmmError,
    FormulaError,
    NoResultError,
    RefusedError,
    RequestError,
    RoleError,
    SettingsError,
    SiteError,
    UnknownAnalysisError,
    UnreachableError,
)
from shared.problem import Problem
from shared.unreachable import is_distrust, why

if TYPE_CHECKING:
    import httpx

UNREACHABLE = UnreachableError.code
UNAVAILABLE = frozenset({502, 503, 504})
"""Answers of a coordinator, or of a proxy before it, that may be different a little later."""
COORDINATOR = "coordinator"
"""Where a coordinator says that it is itself at fault, or the request to it; a site does not."""
UNAUTHORISED, NOT_FOUND = 401, 404
_KINDS = {403: RoleError, NOT_FOUND: UnknownAnalysisError, 409: RequestError, 422: RequestError}
_BY_CODE = {kind.code: kind for kind in (FormulaError, NoResultError)}
"""Kinds that share a status with others."""
SEND_IT = "Send `Authorization: Bearer KEY`."
"""What a coordinator advises whoever speaks HTTP; here SHOW_IT stands in its place."""
SHOW_IT = "Show a key by `--key-file FILE` in the terminal, `Coordinator(url, key)` in Python."
LISTED = "`fedglmm list` shows the newest in the terminal, `Coordinator.analyses()` in Python."
"""In the place of what a coordinator advises, as above."""
TRUST_IT = "`--ca-file FILE` or FEDGLMM_CA_FILE in the terminal, `Coordinator(url, ca_file=...)` in Python"
MOST_NAMES = 8
"""Sites with one and the same problem that are named rather than counted."""


def unreachable(reason: str, url: str) -> UnreachableError:
    """The error of a coordinator that does not answer."""
    return UnreachableError(
        f"the coordinator cannot be reached ({reason}).",
        where=url,
        remedy="Is it running, and is this its address?",
    )


def lost(error: "httpx.HTTPError", url: str) -> FedglmmError:
    """The error of a request that got no answer; one that trying again does not help, if the certificate is not accepted."""
    if not is_distrust(error):
        return unreachable(why(error), url)
    return SettingsError(
        f"the coordinator's certificate is not accepted ({why(error)}).",
        where=url,
        remedy=f"Name the file with the authority that issued it: {TRUST_IT}; and give the address that it holds.",
        code="certificate",
    )


def fault_of(response: "httpx.Response", url: str) -> FedglmmError:
    """The error that an answer stands for."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return no_coordinator(response, url)
    if response.status_code in {UNAUTHORISED, NOT_FOUND} and problem.code in {codes.UNAUTHORISED, codes.NOT_FOUND}:
        if problem.where != COORDINATOR:
            return no_coordinator(response, url, "a site answers there, and no coordinator.")
        if problem.code == codes.NOT_FOUND:
            return no_coordinator(response, url, "a coordinator answers there, but does not know the path.")
    if response.status_code == UNAUTHORISED:
        advice = problem.remedy.removeprefix(SEND_IT).strip()
        return CredentialsError(problem.message, where=url, remedy=f"{SHOW_IT} {advice}".rstrip(), code=problem.code)
    kind = _BY_CODE.get(problem.code, _KINDS.get(response.status_code, FedglmmError))
    remedy = LISTED if kind is UnknownAnalysisError else problem.remedy
    return kind(problem.message, where=problem.where, remedy=remedy, code=problem.code)


def check_stream(response: "httpx.Response", url: str) -> None:
    """Asks of an answer, read if it is no success, that it is a stream of events.

    Raises:
        UnreachableError: it may be one a little later.
        FedglmmError: it is a Problem, or of no coordinator.
    """
    if response.status_code in UNAVAILABLE:
        raise unreachable(f"it answers {response.status_code}", url)
    if not response.is_success:
        raise fault_of(response, url)
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise no_coordinator(response, url)


def no_coordinator(response: "httpx.Response", url: str, message: str = "") -> SiteError:
    """The error of an answer that no coordinator gives, in words if it is known who does."""
    return SiteError(
        message or f"something answers there ({response.status_code}), but it is no coordinator.",
        where=url,
        remedy="Give the coordinator's own address and port, and leave off any path.",
        code="unexpected_answer",
    )


def ending(analysis: dict[str, Any]) -> FedglmmError:
    """The error that an ending without a result stands for."""
    problems = [Problem.model_validate(problem) for problem in analysis["problems"]]
    message = "\n".join(_told_once(problems))
    if analysis["state"] == "refused":
        return RefusedError(message, rule=", ".join(dict.fromkeys(problem.rule for problem in problems)))
    return SiteError(message or f"the analysis is {analysis['state']}.", code=analysis["state"])


def _told_once(problems: list[Problem]) -> list[str]:
    """One line for each different problem, before it the sites that have it."""
    sites: dict[str, list[str]] = {}
    for problem in problems:
        site, _, place = problem.where.partition(": ")
        told = f"{place}: " * bool(place) + f"{problem.message} {problem.remedy}".rstrip()
        sites.setdefault(told, []).append(site)
    return [
        f"{', '.join(names) if len(names) <= MOST_NAMES else f'{len(names)} sites'}: {told}"
        for told, names in sites.items()
    ]
