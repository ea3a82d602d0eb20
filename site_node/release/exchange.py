"""A site's side of masked rounds: it joins, checks every sum, takes the step itself, and answers under its mask.

A psi that is not the site's own result of the verified sums, bit for bit, is refused (G2): nobody chooses psi but the agreed
rule. docs/privacy.md says what that is for.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from shared.consortium import Consortium
from shared.contribution import Contribution
from shared.errors import ContributionError, RefusedError
from shared.framing import framed
from shared.masking.encoding import add, decode, encode, from_bytes, noise, to_bytes
from shared.masking.ephemeral import EphemeralKey
from shared.masking.merkle import Node
from shared.masking.messages import MaskedReply, Proof
from shared.masking.pairwise import Context, PairSecrets
from shared.masking.result import Signed
from shared.masking.session import Agreed, Join, check_joins, join, session_of
from shared.masking.vectors import COUNTS, contribution_in, start_in
from shared.messages import CloseReply, CloseRequest, ContributionRequest, StartRequest, number_of_counts
from shared.optimisation.start import StartContribution
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.parameters import Vector
from shared.signing import Identity
from shared.specification import Specification
from site_node.changed import check_unchanged, other_specification
from site_node.release.kept import Kept, Kind

REPLAY, MASKING = "G2", "masking"
"""Rules."""
LASTS = timedelta(days=30)
"""How long a site takes part in an analysis."""
_HASH_BYTES = 32


@dataclass(frozen=True)
class Member:
    """What a site needs to take part under masks."""

    site: str
    identity: Identity
    consortium: Consortium
    kept: Kept
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def exchange(self, analysis_id: str, specification: Specification, fingerprint: str) -> "Exchange":
        """Takes part in an analysis: from where it stands, if the site knows it.

        Raises:
            ConsortiumError: the roster is none that the consortium agreed to.
            DataError: the site signed another specification under this id, or other data. One mask is for one message: with
                other data there would be two under it.
        """
        self.consortium.check_roster(specification.roster)
        agreed = Agreed(self.consortium, analysis_id, specification.sha256, specification.roster)
        written = self.kept.get(analysis_id, Kind.JOIN)
        if written is None:
            key, now = EphemeralKey.make(), self.clock()
            key = EphemeralKey.from_bytes(self.kept.put(analysis_id, Kind.KEY, key.to_bytes()))
            made = join(
                agreed, self.identity, key, site=self.site, fingerprint=fingerprint, expires=now + LASTS, now=now
            )
            written = self.kept.put(analysis_id, Kind.JOIN, made.written)
        signed = Join.model_validate_json(written)
        if signed.specification_sha256 != specification.sha256:
            raise other_specification()
        check_unchanged(signed.fingerprint, fingerprint)
        return Exchange(self, agreed, specification, signed)


@dataclass(frozen=True)
class Exchange:
    """One masked analysis at one site. Its whole state is what is kept: it can be built anew at any moment."""

    member: Member
    agreed: Agreed
    specification: Specification
    join: Join
    _states: list[State] = field(default_factory=list)
    """After each verified sum, as far as they were asked for: a function of what is kept."""
    _recent: dict[Kind, tuple[int, bytes]] = field(default_factory=dict)
    """The last answer and the last sum, with their rounds: on the disk as well, and looked at again in the next round."""

    def check(self, request: ContributionRequest) -> State | None:
        """Lets a question pass: what all sites signed, or the last sum, and psi as the site's own step gives it.

        Returns:
            The state whose psi is asked about; None before the start.

        Raises:
            JoinError: what the sites signed does not fit.
            ProofError: the sum does not follow from this site's answer.
            RefusedError: psi is another one, the fit has ended, or a sum is missing or another one than before.
        """
        if self.closed is not None:
            if self.answered(request.round) is None:
                raise _refused("the analysis has ended here.", "Submit it again, as a new one.", "ended", rule="G3")
            return None  # a coordinator that restarted asks for the last answer again
        if isinstance(request, StartRequest):
            ordered = check_joins(request.joins, self.agreed, self.member.clock())
            if self.join not in ordered:
                raise _refused("this site signed something else.", _AGAIN, "other_join")
            signed = json.dumps([one.model_dump(mode="json") for one in ordered]).encode()
            if self._keep(Kind.JOINS, signed) != signed:
                raise _refused("the sites signed something else before.", _AGAIN, "other_session")
            return None
        state = self.state_after(request.round - 1, request.proof)
        if state.ending is not None:
            raise _refused("the sums say that the fit has ended.", "Close it.", "ended", rule=REPLAY)
        asked = (request.psi, request.basis, request.quadrature_points)
        if asked != (tuple(state.psi.tolist()), tuple(state.basis.ravel().tolist()), state.points):
            raise _refused(
                "psi is not what the agreed step makes of the sums.",
                "Run the same version of fedglmm on both sides; if they are the same, ask who chose psi.",
                "other_psi",
                rule=REPLAY,
            )
        return state

    @property
    def closed(self) -> CloseReply | None:
        """What left at the close, if the analysis has ended here."""
        written = self._kept(Kind.END)
        return None if written is None else CloseReply.model_validate_json(written)

    def answered(self, number: int) -> MaskedReply | None:
        """What left in a round, if it did."""
        written = self._kept(Kind.ANSWER, number)
        return None if written is None else MaskedReply.of(number, from_bytes(written))

    def masked(
        self, request: ContributionRequest, state: State | None, vector: Vector, *, says_nothing: bool = False
    ) -> MaskedReply:
        """The answer to a round, durable before it leaves.

        Args:
            request: what is asked.
            state: the optimiser's; None before the start.
            vector: what the site answers.
            says_nothing: it is only counted, and hides the sum of the other sites, which is nobody's to see: with zeros in
                its place a sum over two sites would be that of one.

        Raises:
            EncodingError: a number is too large to be added up.
        """
        context = Context(
            session=self._session,
            kind=request.kind,
            sequence=request.round,
            last_root=self._root(request.round - 1).hash if request.round else b"",
            state=b"" if state is None else state_hash(state),
        )
        numbers = encode(vector, len(self.specification.roster))
        if says_nothing:
            numbers[COUNTS:] = noise(len(vector) - COUNTS)
        masked = add(numbers, self._secrets.mask(context, len(vector)))
        written = self._keep(Kind.ANSWER, to_bytes(masked), request.round)
        return MaskedReply.of(request.round, from_bytes(written))

    def state_after(self, number: int, proof: Proof | None) -> State:
        """The optimiser's state after a round, by the site's own steps from the verified sums.

        Args:
            number: of the round; 0 is the start.
            proof: of its sum, unless that was verified before.

        Raises:
            ProofError: the sum does not follow from this site's answer.
            RefusedError: the site has not answered that round, its sum is missing, or it is another one than before.
        """
        if proof is not None:
            self._verify(number, proof)
        specification, layout = self.specification, self.specification.layout
        try:
            if not self._states:
                self._states.append(
                    begin(
                        layout,
                        self.start,
                        tolerance=specification.tolerance,
                        max_rounds=specification.max_rounds,
                        points=specification.quadrature_points,
                    )
                )
            while len(self._states) <= number:
                self._states.append(step(self._states[-1], self.sum_of(len(self._states))))
        except ContributionError as error:
            raise _refused(error.message, _AGAIN, "masks") from None
        return self._states[number]

    @property
    def start(self) -> StartContribution:
        """The verified sum of the starts."""
        sites, counts = len(self.specification.roster), number_of_counts(self.specification)
        start, _ = start_in(decode(self._root(0).sum), self.specification.layout, sites, counts)
        return start

    def sum_of(self, number: int) -> Contribution:
        """The verified sum of a round."""
        return contribution_in(
            decode(self._root(number).sum), self.specification.layout, len(self.specification.roster)
        )

    def signature(self, request: CloseRequest) -> str | None:
        """The site's signature under a result that it replayed; None where no sum is proved, as when a fit failed.

        Raises:
            RefusedError: the sums lead to another ending or another psi.
        """
        if request.proof is None:
            return None
        state = self.state_after(self._last, request.proof)
        told = request.psi is None or request.psi == tuple(state.psi.tolist())
        if state.ending is None or state.ending.value != request.outcome or not told:
            raise _refused(
                "the result is not what the agreed step makes of the sums.",
                "Ask who changed it.",
                "other_result",
                REPLAY,
            )
        return Signed.of(self._joins, self._root(self._last).hash, state).sign(self.member.identity)

    def end(self, reply: CloseReply) -> None:
        """Keeps what leaves at the close, and erases the key with all else."""
        if self.closed is None:
            self.member.kept.end(self.agreed.analysis, reply.written, self._last)

    @property
    def _last(self) -> int:
        """The last round that was answered."""
        return max((n for n in range(self.specification.max_rounds + 1) if self._kept(Kind.ANSWER, n)), default=0)

    def _verify(self, number: int, proof: Proof) -> None:
        own = self._kept(Kind.ANSWER, number)
        if own is None:
            raise _refused("the sum is of a round that this site has not answered.", _AGAIN, "not_answered")
        roster = self.specification.roster
        root = proof.verified(roster.index(self.member.site), len(roster), from_bytes(own))
        if self._keep(Kind.ROOT, root.to_bytes(), number) != root.to_bytes():
            raise _refused("the round had another sum before.", "Ask what the coordinator added up.", "other_sum")

    def _root(self, number: int) -> Node:
        written = self._kept(Kind.ROOT, number)
        if written is None:
            raise _refused("the last sum and its proof are missing.", "Send them with the question.", "no_proof")
        return Node(written[:_HASH_BYTES], written[_HASH_BYTES:])

    @cached_property
    def _secrets(self) -> PairSecrets:
        key = self._kept(Kind.KEY)
        if key is None:
            raise _refused("the analysis has ended here.", _AGAIN, "ended", rule="G3")
        return PairSecrets.of(EphemeralKey.from_bytes(key), self._joins)

    @cached_property
    def _session(self) -> bytes:
        """Of what all sites signed: a site of 200 reads 200 rosters for it."""
        return session_of(self._joins)

    @cached_property
    def _joins(self) -> tuple[Join, ...]:
        written = self._kept(Kind.JOINS)
        if written is None:
            raise _refused("the site has not seen what all sites signed.", "Begin with the start.", "no_session")
        return tuple(Join.model_validate(one) for one in json.loads(written))

    def _kept(self, kind: Kind, number: int = 0) -> bytes | None:
        last, content = self._recent.get(kind, (-1, b""))
        return content if last == number else self.member.kept.get(self.agreed.analysis, kind, number)

    def _keep(self, kind: Kind, content: bytes, number: int = 0) -> bytes:
        kept = self.member.kept.put(self.agreed.analysis, kind, content, number)
        if kind in {Kind.ANSWER, Kind.ROOT}:
            self._recent[kind] = number, kept
        return kept


_AGAIN = "Submit the analysis again."


def state_hash(state: State) -> bytes:
    """Of what the round is about. The rest of a state follows from the sums, whose root stands in the context too."""
    numbers = [np.ascontiguousarray(part, "<f8").tobytes() for part in (state.psi, state.basis)]
    return hashlib.sha256(framed("fedglmm state 1", str(state.round), str(state.points), *numbers)).digest()


def _refused(message: str, remedy: str, code: str, rule: str = MASKING) -> RefusedError:
    return RefusedError(message, rule=rule, where="the site's policy", remedy=remedy, code=code)
