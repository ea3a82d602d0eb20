"""A coordinator as an analyst sees it: submit an analysis, follow its rounds, fetch the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from coordinator.client.faults import ending, fault_of, lost, no_coordinator, unreachable
from coordinator.client.fit import Fit
from coordinator.client.following import PATIENCE, Progress, follow
from shared.errors import RequestError, SettingsError
from shared.keys import checked_key
from shared.request import AnalysisRequest
from shared.tls import trusting
from shared.validation import in_words

TIMEOUT = 60.0
SILENCE = 45.0
"""Seconds without a byte after which a stream of events is dead: the coordinator sends a comment every 15."""
UNAVAILABLE = frozenset({502, 503, 504})
"""Answers of a coordinator, or of a proxy before it, that may be different a little later."""


class Coordinator:
    """A connection to a coordinator.

    Args:
        url: its address, such as http://127.0.0.1:8000.
        key: the analyst's key, when the coordinator asks for one.
        ca_file: PEM, the authority of its certificate, when that is no public one.

    Raises:
        SettingsError: the address is none, the key cannot be one, or the authority's file cannot be read.
    """

    def __init__(self, url: str, key: str | None = None, *, ca_file: Path | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError("the address is not complete.", where=url, remedy="It begins with http:// or https://.")
        self.url = url.rstrip("/")
        self.ca_file = ca_file
        if self.url.endswith("/v1"):
            raise SettingsError("the address goes too far.", where=url, remedy="Leave off /v1.")
        headers = {}
        if key is not None:
            shown = checked_key(key.strip(), where="key", exposed=False)
            headers = {"Authorization": f"Bearer {shown.get_secret_value()}"}
        trusted = True if ca_file is None else trusting(ca_file)
        self._http = httpx.Client(base_url=f"{self.url}/v1", headers=headers, timeout=TIMEOUT, verify=trusted)

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
        if analysis["links"]["result"] is None:
            raise ending(analysis)
        return Fit(self.result(analysis_id))

    def follow(self, analysis_id: str, *, patience: float = PATIENCE) -> Iterator[Progress]:
        """Everything that has happened to an analysis, and what happens from now on until it has ended.

        A connection that breaks is taken up where it broke, also over a restart of the coordinator.

        Args:
            analysis_id: the analysis.
            patience: seconds that a coordinator which cannot be reached any more is waited for.

        Raises:
            UnknownAnalysisError: there is none, or it was deleted meanwhile.
            SiteError: the coordinator cannot be reached.
        """
        return follow(lambda last: self._events(analysis_id, last), self.analysis(analysis_id), patience)

    def cancel(self, analysis_id: str) -> dict[str, Any]:
        """Cancel an analysis that is under way; returns how it stands then.

        Raises:
            RequestError: it has ended already; nothing was changed.
            UnknownAnalysisError: there is none.
        """
        analysis = self._call("DELETE", f"/analyses/{analysis_id}", params={"only": "cancel"})
        if analysis["state"] != "cancelled":  # its ending came first
            raise RequestError(
                f"it has ended already: it is {analysis['state']}.",
                where=analysis_id,
                remedy="Nothing was changed.",
                code="ended",
            )
        return analysis

    def delete(self, analysis_id: str) -> None:
        """Delete an ended analysis with its rounds and its result.

        Raises:
            RequestError: it has not ended; nothing was changed.
            UnknownAnalysisError: there is none.
        """
        self._call("DELETE", f"/analyses/{analysis_id}", params={"only": "delete"})

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

    @contextmanager
    def _events(self, analysis_id: str, last: str) -> Iterator[Iterator[bytes]]:
        """The stream of an analysis's events after the last that was read."""
        headers = {"Last-Event-ID": last} if last else {}
        timeout = httpx.Timeout(TIMEOUT, read=SILENCE)
        try:
            with self._http.stream(
                "GET", f"/analyses/{analysis_id}/events", headers=headers, timeout=timeout
            ) as response:
                if response.status_code in UNAVAILABLE:
                    raise unreachable(f"it answers {response.status_code}", self.url)
                if not response.is_success:
                    response.read()
                    raise fault_of(response, self.url)
                if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise no_coordinator(response, self.url)
                yield response.iter_bytes()
        except httpx.HTTPError as error:
            raise lost(error, self.url) from None

    def _call(self, method: str, path: str, json: Any = None, params: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=json, params=params)
        except httpx.HTTPError as error:
            raise lost(error, self.url) from None
        if not response.is_success:
            raise fault_of(response, self.url)
        try:
            answer: dict[str, Any] = response.json() if response.content else {}
        except ValueError:
            raise no_coordinator(response, self.url) from None
        return answer


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
