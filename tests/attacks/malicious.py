"""A masked federation of real sites, and a coordinator of plain requests that keeps to the protocol as far as it likes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from coordinator.request import resolve
from shared.contribution import Contribution
from shared.dictionary import read_dictionary
from shared.masking.encoding import Fixed, decode
from shared.masking.merkle import Tree
from shared.masking.messages import MaskedReply, Proof
from shared.masking.session import Join
from shared.masking.vectors import contribution_in, contribution_vector, start_in, start_vector
from shared.messages import Accepted, CloseRequest, Counts, EvaluateRequest, StartRequest, number_of_counts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.request import AnalysisRequest
from shared.signed import Asked, Correspondence, digest_of
from shared.signing import read_identity
from shared.specification import Specification
from shared.wire import Wire
from site_node.data.design import SiteDesign, build
from site_node.data.sources import FileSource
from site_node.estimation.contribution import contribution
from site_node.estimation.model import model_of
from site_node.estimation.start import exposed_start
from site_node.release.policy import PolicyName
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, real_sites

Numbers = NDArray[np.float64]

MODEL = "d ~ x"
VICTIM = "S0"
STEEP = 1e6
"""Slope of a logistic curve that rises within a thousandth, the finest that x is told in."""


@dataclass
class Malicious:
    """The coordinator's side of one analysis."""

    sites: Mapping[str, Heard]
    specification: Specification
    analysis: str = "one"
    joins: dict[str, Join] = field(default_factory=dict)
    answers: list[dict[str, Fixed]] = field(default_factory=list)
    """Of each round, masked."""
    trees: list[Tree] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    """After each sum: what the agreed step makes of it."""

    @property
    def roster(self) -> tuple[str, ...]:
        return self.specification.roster

    async def say(self, site: str, path: str, body: Wire | Mapping[str, Any]) -> httpx.Response:
        """One request."""
        content = body.written if isinstance(body, Wire) else json.dumps(body).encode()
        whole = f"/v1/analyses/{self.analysis}/{path}"
        headers = {"Content-Type": "application/json"} | signature(self.sites[site], whole, content)
        async with httpx.AsyncClient(transport=self.sites[site], base_url="http://127.0.0.1") as http:
            return await http.post(whole, content=content, headers=headers)

    async def prepare(self, site: str) -> httpx.Response:
        """Asks a site to take part, and keeps what it signs."""
        body = {"specification": self.specification.model_dump(mode="json")}
        response = await self.say(site, "prepare", body)
        if response.is_success and self.specification.masked:
            join = Accepted.model_validate(response.json()).join
            assert join is not None
            self.joins[site] = join
        return response

    def first(self, joins: Sequence[Join] | None = None) -> StartRequest:
        """The first question."""
        told = tuple(self.joins[site] for site in self.roster) if joins is None else tuple(joins)
        return StartRequest(specification_sha256=self.specification.sha256, joins=told)

    def question(self, site: str, **changes: Any) -> EvaluateRequest:
        """The next round's question to a site, as the protocol has it but for the changes."""
        state = self.states[-1]
        return EvaluateRequest(
            round=len(self.trees),
            specification_sha256=self.specification.sha256,
            psi=tuple(state.psi.tolist()),
            basis=tuple(state.basis.ravel().tolist()),
            previous=None,
            proof=Proof.of(self.trees[-1], self.roster.index(site)),
        ).model_copy(update=changes)

    async def ask(self, site: str, **changes: Any) -> httpx.Response:
        """Asks it."""
        return await self.say(site, "contributions", self.question(site, **changes))

    async def begin(self) -> "Malicious":
        """Everybody joins and starts, honestly."""
        for site in self.roster:
            assert (await self.prepare(site)).status_code == 200
        first = self.first()
        self.add_up({site: answer_in(await self.say(site, "contributions", first)) for site in self.roster})
        return self

    async def round(self, **changes: Any) -> Fixed:
        """A round; the sum of the answers."""
        answers = {site: answer_in(await self.ask(site, **changes)) for site in self.roster}
        self.answers.append(answers)
        return Tree.of(list(answers.values())).root.sum

    async def go_on(self) -> None:
        """A round that keeps to the protocol, and its step."""
        await self.round()
        self.add_up(self.answers.pop())

    async def fit(self) -> "Malicious":
        """Until the fit has ended."""
        while self.states[-1].ending is None:
            await self.go_on()
        return self

    def add_up(self, answers: Mapping[str, Fixed]) -> None:
        """Takes the step from the sum of these answers."""
        self.answers.append(dict(answers))
        self.trees.append(Tree.of([answers[site] for site in self.roster]))
        self.states.append(self.stepped(self.trees[-1].root.sum))

    def stepped(self, summed: Fixed) -> State:
        """The state after a sum."""
        numbers, settled = decode(summed), self.specification
        if self.states:
            return step(self.states[-1], self.summed(summed))
        start, _ = start_in(numbers, settled.layout, len(self.roster), number_of_counts(settled))
        return begin(settled.layout, start, tolerance=settled.tolerance, max_rounds=settled.max_rounds)

    def summed(self, fixed: Fixed) -> Contribution:
        """The contribution that the sum of a round stands for."""
        return contribution_in(decode(fixed), self.specification.layout, len(self.roster))

    async def close(self, site: str, **changes: Any) -> httpx.Response:
        """The last question, as the protocol has it but for the changes."""
        state = self.states[-1]
        told = CloseRequest(
            outcome=state.ending.value if state.ending else "cancelled",
            psi=tuple(state.psi.tolist()),
            basis=tuple(state.basis.ravel().tolist()),
            proof=Proof.of(self.trees[-1], self.roster.index(site)),
        )
        return await self.say(site, "close", told.model_copy(update=changes))

    def again(self, **changes: Any) -> "Malicious":
        """Another analysis at the same sites."""
        specification = self.specification.model_copy(update=changes)
        return Malicious(self.sites, specification, analysis=f"{self.analysis}-again")


def federation(
    folder: Path,
    policy: PolicyName = "default",
    *,
    masked: bool = True,
    tables: Sequence[str] | None = None,
    dictionary: Mapping[str, Any] = DICTIONARY,
    remembering: bool = False,
    **request: Any,
) -> Malicious:
    """Three sites unless given, in a new folder; each remembers in a file what it released if it is to."""
    folder.mkdir()
    sites = real_sites(folder, dictionary, tables or made_up(sites=3).tables(), policy, masked=masked)
    if remembering:
        for name, heard in sites.items():
            heard.settings = heard.settings.model_copy(update={"history": folder / f"{name}.history.db"})
            heard.restart()
    agreed = read_dictionary(folder / "dictionary.json")
    settled = resolve(AnalysisRequest.model_validate({"formula": MODEL} | request), agreed, tuple(sites))
    return Malicious(sites, settled.model_copy(update={"masked": masked}))


def correspondence(heard: Heard) -> Correspondence | None:
    """Of the coordinator, whose key a malicious one has; none with a site that belongs to no consortium."""
    settings = heard.settings
    if settings.identity_file is None:
        return None
    coordinator = read_identity(settings.dictionary.parent / "coordinator" / "identity")
    return Correspondence(coordinator, read_identity(settings.identity_file).public_hex)


def signature(heard: Heard, path: str, content: bytes) -> dict[str, str]:
    """The headers of a request that a member of a consortium answers."""
    signed = correspondence(heard)
    return {} if signed is None else signed.sign_request(Asked("POST", path, "now", digest_of(content)))


def answer_in(response: httpx.Response) -> Fixed:
    """The masked numbers of a reply."""
    assert response.status_code == 200, response.text
    return MaskedReply.model_validate(response.json()).fixed


def through(x: float) -> tuple[float, float]:
    """The beta of `d ~ x` whose curve rises at x alone: the Hessian there is that of the rows with this x."""
    return (-STEEP * x, STEEP)


def lonely_x() -> float:
    """An x of the victim's that no other row of any site has."""
    made = made_up(sites=3)
    values, rows = np.unique(made.x, return_counts=True)
    return float(next(x for x in made.x[made.site == 0] if x in values[rows == 1]))


def with_outlier(tables: Sequence[str], x: float) -> list[str]:
    """The first row of the victim has this x."""
    first, *others = tables
    header, row, *rows = first.splitlines()
    cells = row.split(",")
    cells[3] = repr(x)
    return ["\n".join([header, ",".join(cells), *rows]) + "\n", *others]


def x_in(summed: Contribution) -> float:
    """That of the row whose share the Hessian is."""
    return float(summed.hessian[0, 1] / summed.hessian[0, 0])


def own_start(heard: Heard, specification: Specification) -> Numbers:
    """What the site's start is under its mask."""
    design = _design(heard, specification)
    start, _ = exposed_start(design.rows, model_of(specification))
    counts = Counts(rows=design.rows.n, rows_dropped=design.dropped, groups={})
    return start_vector(start, counts.entries, specification.layout)


def own_answer(heard: Heard, specification: Specification, psi: Sequence[float] | Numbers) -> Numbers:
    """What the site's answer at psi is under its mask."""
    rows = _design(heard, specification).rows
    return contribution_vector(contribution(rows, model_of(specification), np.array(psi)), specification.layout)


def _design(heard: Heard, specification: Specification) -> SiteDesign:
    dictionary = read_dictionary(heard.settings.dictionary)
    with FileSource(heard.data, b"any").opened() as (_, columns):
        return build(specification, dictionary, columns)
