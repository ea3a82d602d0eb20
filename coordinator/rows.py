"""From rows of the SQL store's tables to the stored values."""

import json
from typing import Any

import sqlalchemy as sql
from pydantic import TypeAdapter

from coordinator.records import Analysis, Round, TraceEntry
from coordinator.states import AnalysisState
from coordinator.tables import ANALYSES, ROUNDS
from shared.messages import ContributionMessage, Problem
from shared.request import AnalysisRequest

PROBLEMS = TypeAdapter(tuple[Problem, ...])
_LATER = ROUNDS.alias()
_LAST_NUMBER = (
    sql.select(sql.func.max(_LATER.c.number)).where(_LATER.c.analysis == ANALYSES.c.id).correlate(ANALYSES)
).scalar_subquery()
_LARGE = {"specification", "start", "result"}
_TRACE = (ROUNDS.c.number, ROUNDS.c.log_likelihood, ROUNDS.c.decrement, ROUNDS.c.accepted, ROUNDS.c.seconds)
TRACE: sql.Select[Any] = sql.select(*_TRACE)
"""What an analyst sees of every round."""
WITH_LAST_ROUND: sql.Select[Any] = sql.select(
    *(column for column in ANALYSES.columns if column.name not in _LARGE), *_TRACE
).select_from(ANALYSES.outerjoin(ROUNDS, (ROUNDS.c.analysis == ANALYSES.c.id) & (ROUNDS.c.number == _LAST_NUMBER)))
"""Every analysis without what may be large, beside its last round if there is one."""


def analysis_of(row: sql.Row[Any]) -> Analysis:
    """The analysis in a row of WITH_LAST_ROUND."""
    return Analysis(
        id=row.id,
        request=AnalysisRequest.model_validate_json(row.request),
        roster=tuple(json.loads(row.roster)),
        idempotency_key=row.idempotency_key,
        created_at=row.created_at,
        state=AnalysisState(row.state),
        since=row.since,
        owner=row.owner,
        waiting_for=tuple(json.loads(row.waiting_for)),
        problems=PROBLEMS.validate_json(row.problems),
        last=None if row.number is None else entry_of(row),
    )


def entry_of(row: sql.Row[Any]) -> TraceEntry:
    """The round in a row of TRACE."""
    return TraceEntry(row.number, row.log_likelihood, row.decrement, row.accepted, row.seconds)


def round_of(row: sql.Row[Any]) -> Round:
    """The round in a row of its table."""
    return Round(
        number=row.number,
        psi=tuple(json.loads(row.psi)),
        summed=ContributionMessage.model_validate_json(row.summed),
        log_likelihood=row.log_likelihood,
        decrement=row.decrement,
        accepted=row.accepted,
        seconds=row.seconds,
    )
