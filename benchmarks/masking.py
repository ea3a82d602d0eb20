"""What masks cost a site in a round: from the bytes of the question to the bytes of the answer, without computing the sums.

One site is real: it reads the question, checks the proof, takes the step itself, encodes and masks its numbers and has them on
the disk before it answers. The others are noise, and the last of them such that all add up to the sum over real rows; so the
fit goes its way. The figures are medians over the rounds of a few fits. Computing is processor time, which other work on the
machine does not lengthen; the disk's is wall time. Beside it the same round unmasked: reading the question, writing the answer.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

from benchmarks.in_process import CONTRIBUTION_REQUEST, InMemory
from benchmarks.measured import table, verdict
from benchmarks.simulated import Simulated, simulate
from coordinator.request import resolve
from shared import packed
from shared.consortium import Consortium, Party
from shared.contribution import Contribution, total
from shared.masking import encoding
from shared.masking.encoding import Fixed, decode, encode, subtract
from shared.masking.ephemeral import EphemeralKey
from shared.masking.merkle import Tree
from shared.masking.messages import MaskedReply, Proof
from shared.masking.session import Join, join
from shared.masking.vectors import contribution_in, contribution_length, contribution_vector, start_in, start_vector
from shared.messages import ContributionMessage, EvaluateReply, EvaluateRequest, StartRequest, number_of_counts
from shared.optimisation.start import add_starts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.parameters import Vector
from shared.request import AnalysisRequest
from shared.specification import Specification
from site_node.data.design import build
from site_node.estimation.contribution import contribution
from site_node.estimation.model import Model, model_of
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution
from site_node.release.exchange import LASTS, Exchange, Member
from site_node.release.kept import Kept, Kind
from tests.unit.masked_sites import identity

SITES, COLUMNS = (3, 20, 200), (20, 50, 200)
ROWS, GROUPS, FITS = 8_000, 40, 3
TARGET = (200, 50)
"""Sites and columns that the targets are for."""
MOST_MS, MOST_KB = 10.0, 256.0
Answer = TypeVar("Answer")


class ClockedKept(Kept):
    """Notes what the disk took."""

    wall = computing = 0.0

    def put(self, analysis: str, kind: Kind, content: bytes, number: int = 0) -> bytes:
        wall, computing = time.perf_counter(), time.process_time()
        kept = super().put(analysis, kind, content, number)
        self.wall += time.perf_counter() - wall
        self.computing += time.process_time() - computing
        return kept


@dataclass(frozen=True)
class Cost:
    """Of one round: milliseconds and bytes, or medians of them."""

    checking: float
    """The proof and the step."""
    answering: float
    """Encoding, masking, writing the answer, and reading the question."""
    disk: float
    unmasked: float
    down: float
    up: float
    unmasked_down: float
    unmasked_up: float

    @property
    def masked(self) -> float:
        """Milliseconds in all."""
        return self.checking + self.answering + self.disk


@dataclass(frozen=True)
class Federation:
    """The real site and what the sums are of."""

    specification: Specification
    model: Model
    parts: tuple[Rows, Rows]
    """The real site's, and all others'."""
    exchange: Exchange
    kept: ClockedKept
    joins: tuple[Join, ...]

    @classmethod
    def of(cls, sites: int, data: Simulated, analysis: str, kept: ClockedKept) -> "Federation":
        names = [f"site-{k:03d}" for k in range(sites)]
        specification = resolve(AnalysisRequest(formula=data.formula, family="binomial"), data.dictionary, names)
        specification = specification.model_copy(update={"masked": True})
        identities = {name: identity() for name in names}
        consortium = Consortium(
            name="made up",
            dictionary_sha256=specification.dictionary_sha256,
            coordinator=Party(public_key=identity().public_hex),
            sites={name: Party(public_key=one.public_hex) for name, one in identities.items()},
        )
        member, now = Member(names[0], identities[names[0]], consortium, kept), datetime.now(UTC)
        exchange = member.exchange(analysis, specification, "f" * 64)
        others = [
            join(
                *(exchange.agreed, identities[name], EphemeralKey.make()),
                site=name,
                fingerprint="f" * 64,
                expires=now + LASTS,
                now=now,
            )
            for name in names[1:]
        ]
        parts = (_rows(specification, data.part(0, 2)), _rows(specification, data.part(1, 2)))
        return cls(specification, model_of(specification), parts, exchange, kept, (exchange.join, *others))

    def fitted(self) -> Iterator[Cost]:
        """The cost of every round of the fit."""
        specification, layout = self.specification, self.specification.layout
        counts = (0,) * number_of_counts(specification)
        starts = [start_contribution(rows, self.model) for rows in self.parts]
        first = StartRequest(specification_sha256=specification.sha256, joins=self.joins)
        state = self.exchange.check(first)
        reply = self.exchange.masked(first, state, start_vector(starts[0], counts, layout))
        tree = self._tree(reply, start_vector(add_starts(starts), counts, layout))
        start, _ = start_in(decode(tree.root.sum), layout, len(self.joins), len(counts))
        state = begin(layout, start, tolerance=specification.tolerance, max_rounds=specification.max_rounds)
        while state.ending is None:
            own, summed = self._sums(state)
            question = _question(specification, state, tree)
            reply, cost = self._measured(question, own)
            tree = self._tree(reply, contribution_vector(summed, layout))
            yield cost
            state = step(state, contribution_in(decode(tree.root.sum), layout, len(self.joins)))

    def _sums(self, state: State) -> tuple[Contribution, Contribution]:
        """The site's own contribution, and everybody's."""
        parts = [contribution(rows.in_basis(state.basis), self.model, state.psi, 1) for rows in self.parts]
        return parts[0], total(parts)

    def _measured(self, question: EvaluateRequest, own: Contribution) -> tuple[MaskedReply, Cost]:
        content, vector = question.written, contribution_vector(own, self.specification.layout)
        disk, during = self.kept.wall, self.kept.computing
        asked, reading = _clocked(lambda: CONTRIBUTION_REQUEST.validate_json(content))
        state, checking = _clocked(lambda: self.exchange.check(asked))
        within = self.kept.computing - during
        reply, answering = _clocked(lambda: self.exchange.masked(asked, state, vector))
        written, writing = _clocked(lambda: reply.written)
        answering -= self.kept.computing - during - within
        plain, sent, unmasked = _unmasked(question, own)
        return reply, Cost(
            checking=1e3 * (checking - within),
            answering=1e3 * (reading + answering + writing),
            disk=1e3 * (self.kept.wall - disk),
            unmasked=1e3 * unmasked,
            down=len(content),
            up=len(written),
            unmasked_down=plain,
            unmasked_up=sent,
        )

    def _tree(self, reply: MaskedReply, summed: Vector) -> Tree:
        """Over the site's answer, noise, and one that makes them all add up."""
        others = len(self.joins) - 1
        numbers = encode(np.concatenate([[len(self.joins)], summed[1:]]), 1)
        rng = np.random.default_rng(reply.round)
        noise = [_noise(rng, len(numbers)) for _ in range(others - 1)]
        last = subtract(numbers, encoding.total([reply.fixed, *noise]))
        return Tree.of([reply.fixed, *noise, last])


def _rows(specification: Specification, data: Simulated) -> Rows:
    with InMemory(data).opened() as (_, columns):
        return build(specification, data.dictionary, columns).rows


def _noise(rng: np.random.Generator, length: int) -> Fixed:
    return rng.integers(0, 2**64, (length, 2), dtype=np.uint64)


def _question(specification: Specification, state: State, tree: Tree) -> EvaluateRequest:
    return EvaluateRequest(
        round=state.round + 1,
        specification_sha256=specification.sha256,
        psi=tuple(state.psi.tolist()),
        basis=tuple(state.basis.ravel().tolist()),
        previous=None,
        proof=Proof.of(tree, 0),
    )


def _unmasked(question: EvaluateRequest, own: Contribution) -> tuple[int, int, float]:
    """Bytes down and up, and seconds, where the last sum is sent in the open and the answer too."""
    message = ContributionMessage.of(own)
    content = question.model_copy(update={"previous": message, "proof": None}).model_dump_json().encode()
    write = packed.pack if own.size >= packed.SMALLEST else EvaluateReply.model_dump_json
    _, reading = _clocked(lambda: CONTRIBUTION_REQUEST.validate_json(content))
    reply, writing = _clocked(
        lambda: write(EvaluateReply(round=question.round, contribution=ContributionMessage.of(own)))
    )
    return len(content), len(reply), reading + writing


def _clocked(work: Callable[[], Answer]) -> tuple[Answer, float]:
    """What a call gives, and the processor's seconds for it."""
    began = time.process_time()
    answer = work()
    return answer, time.process_time() - began


def measure(sites: int, columns: int, fits: int = FITS) -> tuple[int, Cost]:
    """Numbers in an answer, and the medians over the rounds of a few fits."""
    data, costs = simulate(ROWS, columns, GROUPS), []
    with TemporaryDirectory(prefix="fedglmm-bench-") as folder:
        kept = ClockedKept(Path(folder) / "kept.db")
        for number in range(fits):
            federation = Federation.of(sites, data, f"analysis-{number}", kept)
            costs += list(federation.fitted())
    medians = map(median, zip(*map(astuple, costs), strict=True))
    return contribution_length(federation.specification.layout), Cost(*medians)


def _line(sites: int, columns: int) -> Sequence[object]:
    numbers, cost = measure(sites, columns)
    told = (sites, columns) == TARGET
    targets = f"{verdict(cost.masked, at_most=MOST_MS)}; {verdict(cost.down / 1e3, at_most=MOST_KB)}" if told else ""
    parts = (cost.masked, cost.checking, cost.answering, cost.disk, cost.unmasked)
    sizes = (cost.down, cost.unmasked_down, cost.up, cost.unmasked_up)
    cells = (*(f"{one:.1f}" for one in parts), *(f"{one / 1e3:.1f}" for one in sizes))
    return (sites, columns, f"{numbers:,}", *cells, targets)


def main() -> None:
    print("## Masks: a site and round\n")
    columns = ("sites", "columns", "numbers", "masked, ms", "proof and step", "mask", "disk", "unmasked, ms")
    sizes = ("KB to a site", "unmasked", "KB back", "unmasked", "target, ms; KB to a site")
    print(table((*columns, *sizes), (_line(sites, p) for p in COLUMNS for sites in SITES)), flush=True)
