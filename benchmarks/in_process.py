"""Sites inside this process, over a transport that counts: the real node and its mathematics, without sockets and threads."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import httpx
import numpy as np
from pydantic import BaseModel, TypeAdapter

from benchmarks.simulated import Simulated
from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import JSON, SiteConnection
from shared import packed
from shared.dictionary import Dictionary
from shared.messages import CloseRequest, ContributionRequest, EvaluateReply, PrepareRequest
from site_node.app import LAPLACE
from site_node.data.table import Table
from site_node.data.units import Known
from site_node.evaluation import SiteNode
from site_node.release.entry import Note
from site_node.standing import Release, Standing

CONTRIBUTION_REQUEST: TypeAdapter[ContributionRequest] = TypeAdapter(ContributionRequest)


@dataclass(frozen=True)
class InMemory:
    """Rows that are there already."""

    data: Simulated

    def fingerprint(self) -> str:
        """They never change."""
        return "same"

    def known(self, fingerprint: str, dictionary: Dictionary) -> Known:  # noqa: ARG002 -- the rows are always the same
        """By their numbers in the dictionary's columns."""
        columns = self.data.columns()
        numbers = np.column_stack([columns[variable.name] for variable in dictionary.variables])
        return Known.of(numbers.view(np.uint64), b"secret")

    def opened(self) -> AbstractContextManager[tuple[str, Table]]:
        """All columns, which are there already."""
        columns, variables = self.data.columns(), self.data.dictionary.variables
        numbers = {v.name: np.asarray(columns[v.name], np.float64) for v in variables if v.type != "group"}
        groups = {v.name: columns[v.name].astype(np.int64) for v in variables if v.type == "group"}
        return nullcontext((self.fingerprint(), Table(len(self.data.y), numbers, {}, groups)))


class NoLedger:
    """Entries that nobody keeps: what a disk takes for them is not what is measured here."""

    def enter(self, note: Note) -> None:
        """Keeps nothing."""


@dataclass
class InProcessSite:
    """One site. What it takes itself, and the bytes of its last round, are kept."""

    name: str
    data: Simulated
    seconds: float = 0.0
    request_bytes: int = 0
    reply_bytes: int = 0
    node: SiteNode = field(init=False)

    def __post_init__(self) -> None:
        self.node = SiteNode(
            Standing(name=self.name, version="0", policy="open", dictionary=self.data.dictionary),
            Release(NoLedger()),
            source=InMemory(self.data),
            estimator=LAPLACE,
        )

    def client(self) -> SiteClient:
        """The coordinator's view of it."""
        return SiteClient(
            SiteConnection(Answering(self.name, f"http://{self.name}"), transport=httpx.MockTransport(self.answer))
        )

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """As the node's routes answer."""
        began = time.perf_counter()
        body = await request.aread()
        *_, analysis_id, path = request.url.path.split("/")
        content, kind = _written(self._reply(analysis_id, path, body), request.headers["Accept"])
        if path == "contributions":
            self.request_bytes, self.reply_bytes = len(body), len(content)
        self.seconds += time.perf_counter() - began
        return httpx.Response(200, content=content, headers={"Content-Type": kind})

    def _reply(self, analysis_id: str, path: str, body: bytes) -> BaseModel:
        match path:
            case "prepare":
                return self.node.prepare(analysis_id, PrepareRequest.model_validate_json(body).specification)
            case "contributions":
                return self.node.contributions(analysis_id, CONTRIBUTION_REQUEST.validate_json(body))
            case "close":
                return self.node.close(analysis_id, CloseRequest.model_validate_json(body))
            case _:
                return self.node.about()


def _written(reply: BaseModel, accept: str) -> tuple[bytes, str]:
    """A reply in the form that it is asked for, and the form's name."""
    if isinstance(reply, EvaluateReply) and packed.accepted(accept):
        return packed.pack(reply), packed.MEDIA_TYPE
    return reply.model_dump_json().encode(), JSON
