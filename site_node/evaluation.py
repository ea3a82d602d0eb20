"""The use case of a site: prepare a design, answer rounds, close. It knows no web framework and no file format."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import structlog

from shared.contribution import Contribution
from shared.dictionary import SITE, Dictionary, Variable
from shared.errors import DataError, RefusedError, UnknownAnalysisError
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionMessage,
    ContributionRequest,
    EvaluateReply,
    RandomEffect,
    StartMessage,
    StartReply,
    StartRequest,
)
from shared.optimisation.start import StartContribution
from shared.parameters import Vector
from shared.specification import PROTOCOL_VERSION, Specification
from site_node.admission import check_addressed
from site_node.data.design import SiteDesign, build, variables_in
from site_node.data.sources import Table
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.release.policy import PolicyName, breaches, judge

KEPT_ANALYSES = 8
"""Designs that are kept in memory. A coordinator that comes back to an older one prepares again."""

_log = structlog.get_logger()


class Source(Protocol):
    """Where a site's data come from."""

    def fingerprint(self) -> str:
        """The keyed hash of the data as they are now."""
        ...

    def read(self, variables: Sequence[Variable]) -> Table:
        """The columns of these variables."""
        ...


@dataclass(frozen=True)
class Estimator:
    """The mathematics that a site needs."""

    model_of: Callable[[Specification], Model]
    start: Callable[[Rows, Model], StartContribution]
    contribution: Callable[[Rows, Model, Vector], Contribution]
    site_effect: Callable[[Rows, Model, Vector], tuple[Vector, Vector]]


@dataclass
class _Analysis:
    specification: Specification
    design: SiteDesign
    model: Model
    accepted: Accepted
    busy: threading.Lock = field(default_factory=threading.Lock)
    answered: tuple[ContributionRequest, StartReply | EvaluateReply] | None = None


class SiteNode:
    """One site. Its methods block while they compute, and may be called from several threads."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        policy: PolicyName,
        dictionary: Dictionary,
        source: Source,
        estimator: Estimator,
    ) -> None:
        self._name = name
        self._version = version
        self._policy = policy
        self._dictionary = dictionary
        self._source = source
        self._estimator = estimator
        self._analyses: OrderedDict[str, _Analysis] = OrderedDict()
        self._registry = threading.Lock()
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
            RefusedError: the site is not in the roster, or its policy does not let the design pass.
            DataError: the dictionary is another one, the data do not fit or have changed, or the analysis is known
                with another specification.
        """
        check_addressed(self._name, self._dictionary, specification)
        with self._preparing:
            known = self._find(analysis_id)
            if known is not None:
                _check_same(known, specification.sha256)
                self._check_unchanged(known)
                return known.accepted
            analysis = self._prepared(analysis_id, specification)
            with self._registry:
                self._analyses[analysis_id] = analysis
                while len(self._analyses) > KEPT_ANALYSES:
                    self._analyses.popitem(last=False)
        return analysis.accepted

    def contributions(self, analysis_id: str, request: ContributionRequest) -> StartReply | EvaluateReply:
        """Answers a round. The same request again gets the very same reply.

        Raises:
            UnknownAnalysisError: the analysis was not prepared here, or too long ago.
            RefusedError: another psi is asked for in a round that was answered.
            DataError: the specification is another one, psi has another length, or the data have changed.
        """
        analysis = self._known(analysis_id)
        _check_same(analysis, request.specification_sha256)
        with analysis.busy:
            self._check_unchanged(analysis)
            if analysis.answered is not None and analysis.answered[0].round == request.round:
                if analysis.answered[0] != request:
                    raise RefusedError(
                        "this round was answered for another request.",
                        rule="G3",
                        where="the site's policy",
                        remedy="Ask for the next round.",
                        code="round_answered",
                    )
                return analysis.answered[1]
            reply = self._answer(analysis, request)
            analysis.answered = (request, reply)
        _log.info("answered", site=self._name, analysis=analysis_id, round=request.round)
        return reply

    def close(self, analysis_id: str, request: CloseRequest) -> CloseReply:
        """Drops the design. The site's own effect for `(... | site)` is released, never an inner group's.

        Raises:
            UnknownAnalysisError: the analysis was not prepared here, or too long ago.
            DataError: psi has another length.
        """
        analysis = self._known(analysis_id)
        effect = None
        random = analysis.specification.random
        if request.psi is not None and random is not None and random.group == SITE:
            psi = _vector(request.psi, analysis.model)
            modes, deviations = self._estimator.site_effect(analysis.design.rows, analysis.model, psi)
            effect = RandomEffect(modes=tuple(modes.tolist()), standard_deviations=tuple(deviations.tolist()))
        with self._registry:
            self._analyses.pop(analysis_id, None)
        _log.info("closed", site=self._name, analysis=analysis_id, outcome=request.outcome)
        return CloseReply(site_effect=effect)

    def _prepared(self, analysis_id: str, specification: Specification) -> _Analysis:
        # before the data are read: a file that changes meanwhile is found out in the next round
        fingerprint = self._source.fingerprint()
        table = self._source.read(variables_in(specification, self._dictionary))
        design = build(specification, self._dictionary, table)
        for breach in breaches(design.counts, self._policy):
            _log.warning("refused", site=self._name, analysis=analysis_id, code=breach.code, variable=breach.variable)
        judge(design.counts, self._policy)
        accepted = Accepted(
            specification_sha256=specification.sha256,
            fingerprint=fingerprint,
            rows=design.rows.n,
            rows_dropped=design.dropped,
            groups=design.rows.groups,
        )
        _log.info("prepared", site=self._name, analysis=analysis_id)
        return _Analysis(specification, design, self._estimator.model_of(specification), accepted)

    def _answer(self, analysis: _Analysis, request: ContributionRequest) -> StartReply | EvaluateReply:
        rows, model = analysis.design.rows, analysis.model
        if isinstance(request, StartRequest):
            return StartReply(start=StartMessage.of(self._estimator.start(rows, model)))
        contribution = self._estimator.contribution(rows, model, _vector(request.psi, model))
        return EvaluateReply(round=request.round, contribution=ContributionMessage.of(contribution))

    def _check_unchanged(self, analysis: _Analysis) -> None:
        if self._source.fingerprint() != analysis.accepted.fingerprint:
            raise DataError(
                "the site's data have changed since the analysis began.",
                where="the data",
                remedy="Start a new analysis.",
                code="data_changed",
            )

    def _find(self, analysis_id: str) -> _Analysis | None:
        with self._registry:
            if analysis_id in self._analyses:
                self._analyses.move_to_end(analysis_id)
            return self._analyses.get(analysis_id)

    def _known(self, analysis_id: str) -> _Analysis:
        analysis = self._find(analysis_id)
        if analysis is None:
            raise UnknownAnalysisError(
                "the site has not prepared this analysis.", where="the site", remedy="Prepare it, again if need be."
            )
        return analysis


def _check_same(analysis: _Analysis, specification_sha256: str) -> None:
    if analysis.accepted.specification_sha256 != specification_sha256:
        raise DataError(
            "the analysis was prepared with another specification.",
            where="the specification",
            remedy="Start a new analysis for a new specification.",
            code="other_specification",
        )


def _vector(psi: Sequence[float], model: Model) -> Vector:
    if len(psi) != model.layout.size:
        raise DataError(
            f"psi has {len(psi)} entries and the model {model.layout.size}.",
            where="psi",
            remedy="Pack psi as the specification's layout says.",
            code="psi",
        )
    return np.array(psi, dtype=np.float64)
