"""What a site computes for an answer, judges, and puts under its mask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from shared.contribution import Contribution, worthless
from shared.errors import DataError
from shared.masking.vectors import contribution_vector, start_vector
from shared.messages import (
    CloseReply,
    CloseRequest,
    ContributionMessage,
    ContributionRequest,
    EvaluateReply,
    EvaluateRequest,
    RandomEffect,
    StartMessage,
    StartReply,
    StartRequest,
)
from shared.optimisation.start import StartContribution
from shared.optimisation.state import State
from shared.parameters import Matrix, Vector
from shared.specification import Specification
from site_node.analyses import Analysis, Reply
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.finite import in_range
from site_node.release.gate import Gate
from site_node.release.leverage import Judgement, refusal
from site_node.release.policy import PolicyName
from site_node.release.withheld import may_withhold

_log = structlog.get_logger()


@dataclass(frozen=True)
class Estimator:
    """The mathematics that a site needs."""

    model_of: Callable[[Specification], Model]
    start: Callable[[Rows, Model], tuple[StartContribution, Matrix]]
    """With what each row weighs in it, (k, n)."""
    default_start: Callable[[Rows, Model], StartContribution]
    """For a site whose own start may not leave."""
    contribution: Callable[[Rows, Model, Vector, int], tuple[Contribution, Matrix]]
    """With what each row weighs in it, (k, n)."""
    site_effect: Callable[[Rows, Model, Vector, Matrix], tuple[Vector, Vector]]


@dataclass(frozen=True)
class Answering:
    """One site's answers."""

    site: str
    policy: PolicyName
    estimator: Estimator
    shares_own: bool = True
    """Under masks, whether its own effect may leave."""
    gate: Gate = field(default_factory=Gate)

    def answer(self, analysis_id: str, analysis: Analysis, request: ContributionRequest, state: State | None) -> Reply:
        """The reply to a round that may be answered: under the site's mask where there is an exchange.

        Raises:
            RefusedError: it would be too much a single unit's; or only other sites hide its rows, and it joined others before.
            DataError: psi or the basis has another length, or other points are asked for than agreed.
            EncodingError: a number is too large to be added up under masks.
            StoreError: a masked answer, or what the history has to have, cannot be kept.
        """
        layout, exchange = analysis.model.layout, analysis.exchange
        if exchange is not None and (left := exchange.answered(request.round)):
            return left
        if isinstance(request, StartRequest):
            start = self._start(analysis_id, analysis)
            if exchange is not None:
                return exchange.masked(request, state, start_vector(start, analysis.counts.entries, layout))
            return StartReply(start=StartMessage.of(start))
        contribution = self._contribution(analysis_id, analysis, request, state)
        if exchange is not None:
            vector, silent = contribution_vector(contribution, layout), contribution.is_worthless
            return exchange.masked(request, state, vector, says_nothing=silent)
        return EvaluateReply(round=request.round, contribution=ContributionMessage.of(contribution))

    def _start(self, analysis_id: str, analysis: Analysis) -> StartContribution:
        rows, model = analysis.design.rows, analysis.model
        start, weights = self.estimator.start(rows, model)
        if self._judged(analysis_id, analysis, 0, weights).own:
            return start
        self._join(analysis_id, analysis)
        return self.estimator.default_start(rows, model)

    def _contribution(
        self, analysis_id: str, analysis: Analysis, request: EvaluateRequest, state: State | None
    ) -> Contribution:
        rows, model = analysis.design.rows, analysis.model
        in_basis = rows.in_basis(_basis(request.basis, model))
        psi, points = _vector(request.psi, model), _points(request, analysis.specification)
        contribution, weights = self.estimator.contribution(in_basis, model, psi, points)
        judgement = self._judged(analysis_id, analysis, request.round, weights)
        if judgement.heavy is not None:
            if not may_withhold(request, analysis.answered, analysis.withheld, state):
                raise refusal()
            self._withhold(analysis_id, analysis, request.round)
            return worthless(model.layout)
        if not judgement.own:
            self._join(analysis_id, analysis)
        return contribution

    def _judged(self, analysis_id: str, analysis: Analysis, number: int, weights: Matrix) -> Judgement:
        """Whether a single unit is too much of an answer (G1). Which one, the site's own log says."""
        if self.policy == "open":
            return Judgement(own=True)
        judgement = analysis.leverage.judged(weights, analysis.verified(number))
        if judgement.heavy is not None:
            row = analysis.design.row_number(judgement.heavy.row)
            _log.warning("leverage", site=self.site, analysis=analysis_id, round=number, row=row)
        return judgement

    def _join(self, analysis_id: str, analysis: Analysis) -> None:
        """Without masks nobody needs two rosters to see the site's own sums."""
        if analysis.exchange is not None and not analysis.joined:
            self.gate.join(analysis_id, analysis.specification, analysis.accepted.fingerprint)
            analysis.joined = True

    def _withhold(self, analysis_id: str, analysis: Analysis, number: int) -> None:
        self.gate.withhold(analysis_id, number)
        analysis.withheld.add(number)
        _log.warning("withheld", site=self.site, analysis=analysis_id, round=number)

    def closing(self, analysis: Analysis, request: CloseRequest) -> CloseReply:
        """What is released at the end.

        Raises:
            RefusedError: the sums lead to another ending or another psi; ProofError: they are not proved.
            DataError: psi or the basis has another length.
        """
        effect, exchange = None, analysis.exchange
        signature = exchange.signature(request) if exchange else None
        if request.psi is not None and analysis.specification.site_effects:
            psi, basis = _vector(request.psi, analysis.model), _basis(request.basis, analysis.model)
            answered = {point[:2] for point in analysis.answered.values()}
            consents = exchange is None or self.shares_own
            if consents and (signature is not None or (request.psi, request.basis) in answered):
                with in_range():
                    effect = self._effect(analysis, psi, basis)
        return CloseReply(site_effect=effect, signature=signature)

    def _effect(self, analysis: Analysis, psi: Vector, basis: Matrix) -> RandomEffect:
        modes, deviations = self.estimator.site_effect(analysis.design.rows, analysis.model, psi, basis)
        return RandomEffect(modes=tuple(modes.tolist()), standard_deviations=tuple(deviations.tolist()))


def _vector(psi: Sequence[float], model: Model) -> Vector:
    if len(psi) != model.layout.size:
        raise DataError(
            f"psi has {len(psi)} entries and the model {model.layout.size}.",
            where="psi",
            remedy="Pack psi as the specification's layout says.",
            code="psi",
        )
    return np.array(psi, dtype=np.float64)


def _points(request: EvaluateRequest, specification: Specification) -> int:
    asked, agreed = request.quadrature_points, specification.quadrature_points
    if agreed not in {"auto", asked}:
        raise DataError(
            f"the round asks for {asked} quadrature points and the specification for {agreed}.",
            where="quadrature_points",
            remedy="Ask for as many as the specification says.",
            code="quadrature_points",
        )
    return asked


def _basis(entries: Sequence[float], model: Model) -> Matrix:
    q = model.layout.q
    if len(entries) != q * q:
        raise DataError(
            f"the basis has {len(entries)} entries and the model {q} random effects.",
            where="basis",
            remedy="Send the q x q entries row by row.",
            code="basis",
        )
    return np.array(entries, dtype=np.float64).reshape(q, q)
