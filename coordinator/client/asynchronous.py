"""The connection of connection.py with `await`. What is asked, how it is read and how it is followed is the same code."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from coordinator.client import asks
from coordinator.client.address import OF_STREAMS, Address
from coordinator.client.asks import Ask, Filters, Json, Options, T, request_of, wanted_of
from coordinator.client.faults import check_stream
from coordinator.client.fit import Fit
from coordinator.client.following import PATIENCE, PAUSE, Following, Progress, must_have_result
from coordinator.client.progress import showing
from shared.errors import SiteError
from shared.request import AnalysisRequest


class AsyncCoordinator:
    """A connection to a coordinator for programs on asyncio. Methods, arguments and errors are those of `Coordinator`."""

    def __init__(self, url: str, key: str | None = None, *, ca_file: Path | None = None) -> None:
        self._address = Address.of(url, key, ca_file)
        self.url = self._address.url
        self._http = self._address.async_client()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def fit(
        self,
        formula: str,
        *,
        progress: bool = True,
        on_progress: Callable[[Progress], None] | None = None,
        **options: Unpack[Options],
    ) -> Fit:
        """Estimate a model and wait for it. Cancelling the task stops the waiting, not the analysis."""
        analysis_id = await self.submit(formula, **options)
        return await self.wait(analysis_id, on_progress, progress=progress)

    async def submit(self, formula: str, **options: Unpack[Options]) -> str:
        """Ask for what `fit` estimates, without waiting for it; returns the analysis's id.

        Raises:
            FormulaError, RequestError: the model is not one that can be asked for.
        """
        return await self.submit_request(request_of(formula=formula, **options))

    async def submit_request(self, request: AnalysisRequest) -> str:
        """Submit an AnalysisRequest, as read from a file; returns the analysis's id."""
        return await self._asked(asks.submit(request))

    async def wait(
        self, analysis_id: str, on_progress: Callable[[Progress], None] | None = None, *, progress: bool = True
    ) -> Fit:
        """Follow an analysis to its end and fetch the result."""
        with showing(on_progress, progress=progress) as show:
            async with aclosing(self.follow(analysis_id)) as following:
                async for news in following:
                    show(news)
        must_have_result(news.analysis)
        return Fit(await self.result(analysis_id))

    async def follow(self, analysis_id: str, *, patience: float = PATIENCE) -> AsyncGenerator[Progress, None]:
        """Everything that has happened to an analysis, and what happens from now on until it has ended."""
        reader = Following(await self.analysis(analysis_id), patience)
        while True:
            try:
                async with self._events(analysis_id, reader.last) as chunks:
                    for news in reader.opened():
                        yield news
                    async for chunk in chunks:
                        for news in reader.read(chunk):
                            yield news
                if reader.ended:
                    return
            except SiteError as error:
                reader.failed(error)
            for news in reader.pausing():
                yield news
            await asyncio.sleep(PAUSE)

    async def cancel(self, analysis_id: str) -> Json:
        """Cancel an analysis that is under way; returns how it stands then."""
        return await self._asked(asks.cancel(analysis_id))

    async def delete(self, analysis_id: str) -> None:
        """Delete an ended analysis with its rounds and its result."""
        await self._asked(asks.delete(analysis_id))

    async def analyses(self, **filters: Unpack[Filters]) -> list[Json]:
        """The newest 200 analyses at most, of those that the filters leave."""
        return await self._asked(asks.analyses(wanted_of(**filters)))

    async def analysis(self, analysis_id: str) -> Json:
        """An analysis as it stands."""
        return await self._asked(asks.analysis(analysis_id))

    async def rounds(self, analysis_id: str) -> list[Json]:
        """Its rounds so far."""
        return await self._asked(asks.rounds(analysis_id))

    async def result(self, analysis_id: str) -> Json:
        """Its canonical result."""
        return await self._asked(asks.result(analysis_id))

    async def report(self, analysis_id: str) -> str:
        """Its result as one page of HTML to print or send."""
        return await self._asked(asks.report(analysis_id))

    async def sites(self) -> list[Json]:
        """The consortium's sites, as they answer right now."""
        return await self._asked(asks.sites())

    async def dictionary(self) -> list[Json]:
        """The consortium's variables."""
        return await self._asked(asks.dictionary())

    @asynccontextmanager
    async def _events(self, analysis_id: str, last: str) -> AsyncIterator[AsyncIterator[bytes]]:
        headers = {"Last-Event-ID": last} if last else {}
        path = f"/analyses/{analysis_id}/events"
        with self._address.asked():
            async with self._http.stream("GET", path, headers=headers, timeout=OF_STREAMS) as response:
                if not response.is_success:
                    await response.aread()
                check_stream(response, self.url)
                yield response.aiter_bytes()

    async def _asked(self, ask: Ask[T]) -> T:
        with self._address.asked():
            response = await self._http.request(ask.method, ask.path, json=ask.json, params=ask.params)
        return ask.answered(response, self.url)
