"""A coordinator as an analyst sees it: submit an analysis, follow its rounds, fetch the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from coordinator.client import asks
from coordinator.client.address import OF_STREAMS, Address
from coordinator.client.asks import Ask, Filters, Json, Options, T, request_of, wanted_of
from coordinator.client.faults import check_stream
from coordinator.client.fit import Fit
from coordinator.client.following import PATIENCE, Progress, follow, must_have_result
from coordinator.client.progress import showing
from shared.request import AnalysisRequest


class Coordinator:
    """A connection to a coordinator.

    Args:
        url: its address, such as http://127.0.0.1:8000.
        key: the analyst's key, when the coordinator asks for one.
        ca_file: PEM, the authority of its certificate, when that is no public one.

    Raises:
        SettingsError: the address is none, the key cannot be one, or the authority's file cannot be read.

    Every method may raise, as shared/errors.py draws them:
        UnreachableError: nobody answers.
        CredentialsError: the key is missing, unknown, or has ended; RoleError: it may not do this.
    """

    def __init__(self, url: str, key: str | None = None, *, ca_file: Path | None = None) -> None:
        self._address = Address.of(url, key, ca_file)
        self.url = self._address.url
        self._http = self._address.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def fit(
        self,
        formula: str,
        *,
        progress: bool = True,
        on_progress: Callable[[Progress], None] | None = None,
        **options: Unpack[Options],
    ) -> Fit:
        """Estimate a model and wait for it.

        Args:
            formula: as lme4 writes it.
            progress: whether to show a bar, on a terminal or in a notebook; elsewhere there is none.
            on_progress: called with every change, instead of the bar.
            options: the other fields of an AnalysisRequest: family, weights, random_effect_sd, sites, ...

        Raises:
            RequestError: the coordinator cannot carry the request out; FormulaError, which marks the place, if the formula
                is why.
            RefusedError: a site does not take part.
            SiteError: a site failed, or the analysis was cancelled.
        """
        analysis_id = self.submit(formula, **options)
        return self.wait(analysis_id, on_progress, progress=progress)

    def submit(self, formula: str, **options: Unpack[Options]) -> str:
        """Ask for what `fit` estimates, without waiting for it; returns the analysis's id.

        Raises:
            FormulaError, RequestError: the model is not one that can be asked for.
        """
        return self.submit_request(request_of(formula=formula, **options))

    def submit_request(self, request: AnalysisRequest) -> str:
        """Submit an AnalysisRequest, as read from a file; returns the analysis's id."""
        return self._asked(asks.submit(request))

    def wait(
        self, analysis_id: str, on_progress: Callable[[Progress], None] | None = None, *, progress: bool = True
    ) -> Fit:
        """Follow an analysis to its end and fetch the result.

        Raises:
            UnknownAnalysisError: there is none.
            RefusedError: a site does not take part.
            SiteError: it failed or was cancelled.
        """
        with showing(on_progress, progress=progress) as show:
            for news in self.follow(analysis_id):
                show(news)
        must_have_result(news.analysis)
        return Fit(self.result(analysis_id))

    def follow(self, analysis_id: str, *, patience: float = PATIENCE) -> Iterator[Progress]:
        """Everything that has happened to an analysis, and what happens from now on until it has ended.

        A connection that breaks is taken up where it broke, also over a restart of the coordinator.

        Args:
            analysis_id: the analysis.
            patience: seconds that a coordinator which cannot be reached any more is waited for.

        Raises:
            UnknownAnalysisError: there is none, or it was deleted meanwhile.
        """
        return follow(lambda last: self._events(analysis_id, last), self.analysis(analysis_id), patience)

    def cancel(self, analysis_id: str) -> Json:
        """Cancel an analysis that is under way; returns how it stands then.

        Raises:
            RequestError: it has ended already; nothing was changed.
            UnknownAnalysisError: there is none.
        """
        return self._asked(asks.cancel(analysis_id))

    def delete(self, analysis_id: str) -> None:
        """Delete an ended analysis with its rounds and its result.

        Raises:
            RequestError: it has not ended; nothing was changed.
            UnknownAnalysisError: there is none.
        """
        self._asked(asks.delete(analysis_id))

    def analyses(self, **filters: Unpack[Filters]) -> list[Json]:
        """The newest 200 analyses at most, of those that the filters leave.

        Args:
            filters: `state`; `who`, a whole name; `formula`, a part of it; `since` and `until`, the first and the last day
                (UTC) of the submission.

        Raises:
            RequestError: a filter is none, or has a value that cannot be. Nothing was asked.
        """
        return self._asked(asks.analyses(wanted_of(**filters)))

    def analysis(self, analysis_id: str) -> Json:
        """An analysis as it stands; UnknownAnalysisError if there is none."""
        return self._asked(asks.analysis(analysis_id))

    def rounds(self, analysis_id: str) -> list[Json]:
        """Its rounds so far."""
        return self._asked(asks.rounds(analysis_id))

    def result(self, analysis_id: str) -> Json:
        """Its canonical result; NoResultError as long as there is none. `Fit(result)` has the accessors."""
        return self._asked(asks.result(analysis_id))

    def report(self, analysis_id: str) -> str:
        """Its result as one page of HTML to print or send, as the coordinator's own page has it; NoResultError as above."""
        return self._asked(asks.report(analysis_id))

    def sites(self) -> list[Json]:
        """The consortium's sites, as they answer right now."""
        return self._asked(asks.sites())

    def dictionary(self) -> list[Json]:
        """The consortium's variables."""
        return self._asked(asks.dictionary())

    @contextmanager
    def _events(self, analysis_id: str, last: str) -> Iterator[Iterator[bytes]]:
        """The stream of an analysis's events after the last that was read."""
        headers = {"Last-Event-ID": last} if last else {}
        path = f"/analyses/{analysis_id}/events"
        request = self._http.stream("GET", path, headers=headers, timeout=OF_STREAMS)
        with self._address.asked(), request as response:
            if not response.is_success:
                response.read()
            check_stream(response, self.url)
            yield response.iter_bytes()

    def _asked(self, ask: Ask[T]) -> T:
        with self._address.asked():
            response = self._http.request(ask.method, ask.path, json=ask.json, params=ask.params)
        return ask.answered(response, self.url)
