"""A coordinator as an analyst sees it: submit an analysis, follow its rounds, fetch the result."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from coordinator.client.fit import Fit
from shared.errors import FedglmmError, RefusedError, RequestError, SettingsError, SiteError, UnknownAnalysisError
from shared.messages import Problem
from shared.specification import AnalysisRequest
from shared.validation import in_words

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks at a running analysis."""
TIMEOUT = 60.0
UNAUTHORISED = 401
MOST_NAMES = 8
"""Sites with one and the same problem that are named rather than counted."""


@dataclass(frozen=True)
class Progress:
    """What is new since the last look."""

    analysis: dict[str, Any]
    """The analysis as it stands."""
    rounds: list[dict[str, Any]]
    """The rounds that are new."""


class Coordinator:
    """A connection to a coordinator.

    Args:
        url: its address, such as http://127.0.0.1:8000.
        key: the analyst's key, when the coordinator asks for one.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError("the address is not complete.", where=url, remedy="It begins with http:// or https://.")
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=f"{self.url}/v1", headers=headers, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def fit(self, formula: str, *, on_progress: Callable[[Progress], None] | None = None, **options: Any) -> Fit:
        """Estimate a model and wait for it.

        Args:
            formula: as lme4 writes it.
            on_progress: called with every change.
            options: the other fields of an AnalysisRequest: family, weights, random_effect_sd, sites, ...

        Raises:
            RequestError: the coordinator cannot carry the request out.
            RefusedError: a site does not take part.
            SiteError: a site failed, or the coordinator cannot be reached.
        """
        return self.wait(self.submit(request_of(formula=formula, **options)), on_progress)

    def submit(self, request: AnalysisRequest) -> str:
        """Submit an analysis; returns its id."""
        body = request.model_dump(mode="json", exclude_none=True)
        return str(self._call("POST", "/analyses", json=body)["id"])

    def wait(self, analysis_id: str, on_progress: Callable[[Progress], None] | None = None) -> Fit:
        """Follow an analysis to its end and fetch the result.

        Raises:
            RefusedError: a site does not take part.
            SiteError: it failed or was cancelled.
        """
        analysis: dict[str, Any] = {}
        for progress in self.follow(analysis_id):
            analysis = progress.analysis
            if on_progress is not None:
                on_progress(progress)
        if analysis["links"]["result"] is not None:
            return Fit(self.result(analysis_id))
        problems = [Problem.model_validate(problem) for problem in analysis["problems"]]
        message = "\n".join(_told_once(problems))
        if analysis["state"] == "refused":
            raise RefusedError(message, rule=", ".join(dict.fromkeys(problem.rule for problem in problems)))
        raise SiteError(message or f"the analysis is {analysis['state']}.", code=analysis["state"])

    def follow(self, analysis_id: str) -> Iterator[Progress]:
        """Look at a running analysis until it has ended, ever less often while nothing happens."""
        seen, pause, previous = 0, FIRST_PAUSE, ""
        while True:
            analysis = self.analysis(analysis_id)
            new = self.rounds(analysis_id)[seen:] if analysis["round"] > seen else []
            if new or analysis["state"] != previous:
                yield Progress(analysis, new)
                seen, pause, previous = seen + len(new), FIRST_PAUSE, analysis["state"]
            if analysis["links"]["result"] is not None or analysis["state"] in {"refused", "failed", "cancelled"}:
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def analyses(self) -> list[dict[str, Any]]:
        """The newest analyses."""
        return list(self._call("GET", "/analyses")["analyses"])

    def analysis(self, analysis_id: str) -> dict[str, Any]:
        """An analysis as it stands."""
        return self._call("GET", f"/analyses/{analysis_id}")

    def rounds(self, analysis_id: str) -> list[dict[str, Any]]:
        """Its rounds so far."""
        return list(self._call("GET", f"/analyses/{analysis_id}/rounds")["rounds"])

    def result(self, analysis_id: str) -> dict[str, Any]:
        """Its canonical result."""
        return self._call("GET", f"/analyses/{analysis_id}/result")

    def sites(self) -> list[dict[str, Any]]:
        """The consortium's sites, as they answer right now."""
        return list(self._call("GET", "/sites")["sites"])

    def dictionary(self) -> list[dict[str, Any]]:
        """The consortium's variables."""
        return list(self._call("GET", "/dictionary")["variables"])

    def _call(self, method: str, path: str, json: Any = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=json)
        except httpx.HTTPError as error:
            raise SiteError(
                f"the coordinator cannot be reached ({type(error).__name__}).",
                where=self.url,
                remedy="Is it running, and is this its address?",
                code="unreachable",
            ) from None
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        raise _fault(response, self.url)


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


def request_of(**fields: Any) -> AnalysisRequest:
    """An AnalysisRequest.

    Raises:
        RequestError: a field is none of it, or has a value that cannot be; named.
    """
    try:
        return AnalysisRequest(**fields)
    except ValidationError as error:
        where, message, remedy = in_words(error, AnalysisRequest)
        raise RequestError(message, where=where, remedy=remedy) from None


def _fault(response: httpx.Response, url: str) -> FedglmmError:
    """The error that an answer stands for."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return SiteError(
            f"something answers there ({response.status_code}), but it is no coordinator.",
            where=url,
            remedy="Give the coordinator's own address and port.",
            code="unexpected_answer",
        )
    if response.status_code == UNAUTHORISED:
        return SettingsError(
            "the coordinator does not know this key."
            if "Authorization" in response.request.headers
            else "a key is needed.",
            where=url,
            remedy="The key is the part of a line of its keys_file behind the colon; --key-file names a file with it alone.",
            code=problem.code,
        )
    kind = {404: UnknownAnalysisError, 422: RequestError}.get(response.status_code, FedglmmError)
    return kind(problem.message, where=problem.where, remedy=problem.remedy, code=problem.code)
