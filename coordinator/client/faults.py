"""What went wrong, as the errors of this project: an answer that is a Problem, an ending without a result."""

from typing import Any

import httpx
from pydantic import ValidationError

from shared.errors import FedglmmError, RefusedError, RequestError, SettingsError, SiteError, UnknownAnalysisError
from shared.messages import Problem

UNREACHABLE = "unreachable"
"""The code of a SiteError: nobody answers."""
UNAUTHORISED = 401
MOST_NAMES = 8
"""Sites with one and the same problem that are named rather than counted."""


def unreachable(reason: str, url: str) -> SiteError:
    """The error of a coordinator that does not answer."""
    return SiteError(
        f"the coordinator cannot be reached ({reason}).",
        where=url,
        remedy="Is it running, and is this its address?",
        code=UNREACHABLE,
    )


def fault_of(response: httpx.Response, url: str) -> FedglmmError:
    """The error that an answer stands for."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return no_coordinator(response, url)
    if response.status_code == UNAUTHORISED:
        return SettingsError(
            "the coordinator does not know this key."
            if "Authorization" in response.request.headers
            else "a key is needed.",
            where=url,
            remedy="The key is the part of a line of its keys_file behind the colon; --key-file names a file with it alone.",
            code=problem.code,
        )
    kind = {404: UnknownAnalysisError, 409: RequestError, 422: RequestError}.get(response.status_code, FedglmmError)
    return kind(problem.message, where=problem.where, remedy=problem.remedy, code=problem.code)


def no_coordinator(response: httpx.Response, url: str) -> SiteError:
    """The error of an answer that no coordinator gives."""
    return SiteError(
        f"something answers there ({response.status_code}), but it is no coordinator.",
        where=url,
        remedy="Give the coordinator's own address and port.",
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
