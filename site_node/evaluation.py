"""The use case of a site: prepare a design, answer rounds, close. It knows no web framework and no file format."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import structlog

from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionRequest,
    Counts,
)
from shared.specification import PROTOCOL_VERSION, Specification
from site_node.admission import check_addressed
from site_node.analyses import Analyses, Analysis, Reply
from site_node.answering import Answering, Estimator
from site_node.changed import check_unchanged, other_specification
from site_node.data.design import SiteDesign, build
from site_node.data.groups import groups_of
from site_node.data.units import Known
from site_node.finite import in_range
from site_node.release import leverage
from site_node.release.account import Account, Written, account_of, in_json
from site_node.release.masking import check_masked
from site_node.release.policy import Breach, breaches, model_breaches, refuse
from site_node.release.rounds import check_round
from site_node.standing import Release, Source, Standing

LOGGED_TEXT = 60
"""Characters of a text of the coordinator's that stand in the site's log."""

_log = structlog.get_logger()


class SiteNode:
    """One site. Its methods block while they compute, and may be called from several threads."""

    def __init__(
        self,
        standing: Standing,
        release: Release,
        *,
        source: Source,
        estimator: Estimator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = standing.name
        self._version = standing.version
        self._policy = standing.policy
        self._dictionary = standing.dictionary
        self._source = source
        self._member = standing.member
        self._shares_own = standing.shares_own
        self._ledger = release.ledger
        self._gate = release.gate
        self._answering = Answering(standing.name, standing.policy, estimator, standing.shares_own, release.gate)
        self._check_approved = release.check_approved
        self._tell_ended = release.tell_ended
        self._analyses = Analyses(clock)
        self._preparing = threading.Lock()

    def about(self) -> About:
        """Who the site is.

        Raises:
            DataError: its data file cannot be read.
        """
        return About(
            site=self._name,
            version=self._version,
            protocol_min=PROTOCOL_VERSION,
            protocol_max=PROTOCOL_VERSION,
            fingerprint=self._source.fingerprint(),
            policy=self._policy,
        )

    def prepare(self, analysis_id: str, specification: Specification) -> Accepted:
        """Reads the data and keeps their design. The same request again gets the same answer.

        Raises:
            RefusedError: the site is not in the roster, its policy does not let the design pass, or a person has denied it.
            ApprovalError: a person has not decided yet. No row was read.
            DataError: the dictionary is another one, the data do not fit or have changed, or the analysis is known
                with another specification.
            StoreError: it cannot be written down, in the ledger or in the history, that something leaves.
        """
        with account_of(self._ledger, analysis_id, specification) as account:
            check_addressed(self._name, self._dictionary, specification)
            check_masked(specification, self._member, self._policy)
            with self._preparing:
                known = self._analyses.find(analysis_id)
                if known is not None:
                    _check_same(known, specification.sha256)
                    self._check_unchanged(known)
                    return account.enter(known.accepted)
                analysis = self._prepared(analysis_id, specification)
                self._analyses.keep(analysis_id, analysis)
            return account.enter(analysis.accepted)

    def contributions(self, analysis_id: str, request: ContributionRequest, written: Written = in_json) -> Reply:
        """Answers a round. The same request again gets the very same reply.

        Args:
            analysis_id: the coordinator's.
            request: what is asked.
            written: how the reply is written, whose bytes the ledger has the hash of.

        Raises:
            UnknownAnalysisError: the analysis was not prepared here, or too long ago.
            ApprovalError: the approval of a person has expired.
            RefusedError: a person has denied it; it asks neither for the next round nor again for one that was answered at the
                same psi; or sums are masked, and psi is not what the agreed step makes of them; or the answer would be too much
                that of a single unit.
            JoinError, ProofError, EncodingError: as `Exchange` has them, where sums are masked.
            DataError: the specification is another one, psi has another length, the data have changed, or the numbers
                leave floating point's range.
            StoreError: it cannot be written down, in the ledger or in the history, that something leaves.
        """
        with (
            self._analyses.using(analysis_id) as analysis,
            account_of(self._ledger, analysis_id, analysis.specification, request.round) as account,
        ):
            _check_same(analysis, request.specification_sha256)
            self._check_approved(analysis_id, analysis.specification)
            self._check_unchanged(analysis)
            if analysis.last is not None and analysis.last[0] == request:
                return _entered(account, analysis, request.round, analysis.last[1], written)
            state = analysis.exchange.check(request) if analysis.exchange else None
            most = analysis.specification.max_rounds
            check_round(request, analysis.answered, most, closed=analysis.closed)
            began = time.perf_counter()
            with in_range():
                reply = self._answering.answer(analysis_id, analysis, request, state)
            seconds = round(time.perf_counter() - began, 6)
            cohorts = () if analysis.answered else self._cohorts(analysis.accepted.fingerprint, analysis.design)
            self._gate.release(analysis_id, request, cohorts, most)
            _entered(account, analysis, request.round, reply, written)
            analysis.answer(request, reply)
        _log.info("answered", site=self._name, analysis=analysis_id, round=request.round, seconds=seconds)
        return reply

    def close(self, analysis_id: str, request: CloseRequest) -> CloseReply:
        """Drops the design. The site's own effect for `(... | site)` is released, never an inner group's.

        It is released at a psi whose contribution the site has given, and at no other: a coordinator could choose one at
        which the effect is a single row's. A person who has not decided yet is told first: of theirs there is no design.

        Raises:
            UnknownAnalysisError: the analysis was not prepared here, or too long ago.
            DataError: psi has another length, or the numbers leave floating point's range.
            StoreError: the ending cannot be written down; the design is kept.
        """
        self._tell_ended(analysis_id, request.outcome)
        with (
            self._analyses.using(analysis_id) as analysis,
            account_of(self._ledger, analysis_id, analysis.specification) as account,
        ):
            left = analysis.exchange.closed if analysis.exchange else None
            closing = left or self._answering.closing(analysis, request)
            self._gate.close(analysis_id)
            reply = account.enter(closing, outcome=request.outcome)
            if analysis.exchange is not None:
                analysis.exchange.end(reply)
            self._analyses.drop(analysis_id)
        _log.info("closed", site=self._name, analysis=analysis_id, outcome=request.outcome[:LOGGED_TEXT])
        return reply

    def _prepared(self, analysis_id: str, specification: Specification) -> Analysis:
        self._judge(analysis_id, model_breaches(specification, self._dictionary, self._policy))
        self._check_approved(analysis_id, specification)
        with self._source.opened() as (fingerprint, columns), in_range():
            design = build(specification, self._dictionary, columns)
        self._judge(analysis_id, breaches(design.counts, self._policy))
        remembered = self._gate.admit(analysis_id, specification, fingerprint, self._cohorts(fingerprint, design))
        exchange = None
        if self._member is not None and specification.masked:
            exchange = self._member.exchange(analysis_id, specification, fingerprint)
        groups = dict(zip(specification.groupings, groups_of(design.rows, specification), strict=True))
        counts = Counts(rows=design.rows.n, rows_dropped=design.dropped, groups=groups)
        accepted = Accepted(
            specification_sha256=specification.sha256,
            fingerprint=fingerprint,
            counts=counts if exchange is None or self._shares_own else None,
            join=exchange.join if exchange else None,
        )
        _log.info("prepared", site=self._name, analysis=analysis_id)
        model = self._answering.estimator.model_of(specification)
        answered = dict(remembered.answered)
        return Analysis(
            specification,
            design,
            model,
            counts,
            accepted,
            exchange,
            answered=answered,
            withheld=set(remembered.withheld),
            closed=remembered.closed,
        )

    def _cohorts(self, fingerprint: str, design: SiteDesign) -> tuple[Known, ...]:
        """The rows that the sums of a design are made of, for the rules that look back."""
        if self._gate.history is None:
            return ()
        known = self._source.known(fingerprint, self._dictionary)
        chosen = (np.unpackbits(cohort, count=len(known.rows)).view(bool) for cohort in design.cohorts)
        return tuple(map(known.among, chosen))

    def _judge(self, analysis_id: str, found: Sequence[Breach]) -> None:
        for breach in found:
            _log.warning("refused", site=self._name, analysis=analysis_id, code=breach.code, variable=breach.variable)
        refuse(found)

    def _check_unchanged(self, analysis: Analysis) -> None:
        check_unchanged(analysis.accepted.fingerprint, self._source.fingerprint())


def _entered(account: Account, analysis: Analysis, number: int, reply: Reply, written: Written) -> Reply:
    """The site's own ledger says in which round nothing was said because of a single unit; the reply does not."""
    if number in analysis.withheld:
        return account.enter(reply, written, rule=leverage.RULE, code=leverage.CODE)
    return account.enter(reply, written)


def _check_same(analysis: Analysis, specification_sha256: str) -> None:
    if analysis.accepted.specification_sha256 != specification_sha256:
        raise other_specification()
