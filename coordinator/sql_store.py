"""The store in a database: SQLite by default (write-ahead log, every commit synced), or whatever SQLAlchemy reaches."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sql
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from coordinator.database_faults import CONFLICT, told
from coordinator.records import Analysis, Event, EventKind, Round, TraceEntry, now
from coordinator.soundness import check_sound
from coordinator.states import ENDED, AnalysisState
from coordinator.store import Listener, nobody, unknown
from coordinator.tables import ACCEPTED, ANALYSES, EVENTS, METADATA, ROUNDS
from coordinator.views import AnalysisView, RoundView
from shared.errors import SettingsError, StoreError
from shared.messages import Accepted, ContributionMessage, Problem, StartMessage
from shared.specification import AnalysisRequest, Specification

PROBLEMS = TypeAdapter(tuple[Problem, ...])
_LATER = ROUNDS.alias()
_LAST_NUMBER = (
    sql.select(sql.func.max(_LATER.c.number)).where(_LATER.c.analysis == ANALYSES.c.id).correlate(ANALYSES)
).scalar_subquery()
_WITH_LAST_ROUND = sql.select(
    ANALYSES, ROUNDS.c.number, ROUNDS.c.log_likelihood, ROUNDS.c.decrement, ROUNDS.c.accepted, ROUNDS.c.seconds
).select_from(ANALYSES.outerjoin(ROUNDS, (ROUNDS.c.analysis == ANALYSES.c.id) & (ROUNDS.c.number == _LAST_NUMBER)))
_EARLIER = EVENTS.alias()


class SqlStore:
    """A store that outlives its process.

    Raises:
        SettingsError: the database cannot be opened, is damaged or is somebody else's; nothing was changed in it.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = sql.create_engine(url, hide_parameters=True)
            check_sound(self._engine.url, METADATA.tables)
            if self._engine.dialect.name == "sqlite":
                sql.event.listen(self._engine, "connect", _sqlite_pragmas)
            METADATA.create_all(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            place = sql.make_url(url).render_as_string(hide_password=True)
            raise SettingsError(
                f"the database {place} cannot be opened ({type(error).__name__}).",
                where="database",
                remedy="Its folder must exist and be writable; other databases than SQLite need their driver.",
            ) from error
        self._listener: Listener = nobody

    def add(self, analysis: Analysis) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known."""
        row = {
            "id": analysis.id,
            "idempotency_key": analysis.idempotency_key,
            "request_sha256": analysis.request_sha256,
            "request": analysis.request.model_dump_json(),
            "specification": analysis.specification.model_dump_json(),
            "created_at": analysis.created_at,
            "state": analysis.state.value,
            "since": analysis.since,
        }
        try:
            with self._writing() as connection:
                connection.execute(ANALYSES.insert().values(row))
                _happened(connection, analysis.id, EventKind.STATE, AnalysisView.of(analysis))
        except StoreError as error:
            if analysis.idempotency_key is None or error.code != CONFLICT:
                raise
            return self._one(ANALYSES.c.idempotency_key == analysis.idempotency_key, analysis.id)
        self._listener(analysis.id)
        return analysis

    def get(self, analysis_id: str) -> Analysis:
        """The analysis as it stands."""
        return self._one(ANALYSES.c.id == analysis_id, analysis_id)

    def newest(self, *, state: AnalysisState | None, limit: int, before: str | None) -> list[Analysis]:
        """Newest first, after the analysis `before` in that order."""
        query = _WITH_LAST_ROUND.order_by(ANALYSES.c.sequence.desc()).limit(limit)
        if state is not None:
            query = query.where(ANALYSES.c.state == state.value)
        if before is not None:
            query = query.where(ANALYSES.c.sequence < self._column(before, ANALYSES.c.sequence))
        with self._reading() as connection:
            return [_analysis(row) for row in connection.execute(query)]

    def unfinished(self) -> list[str]:
        """The ids of all analyses that have not ended, oldest first."""
        query = sql.select(ANALYSES.c.id).where(ANALYSES.c.state.not_in(ENDED)).order_by(ANALYSES.c.sequence)
        with self._reading() as connection:
            return list(connection.scalars(query))

    def change(
        self,
        analysis_id: str,
        state: AnalysisState,
        *,
        waiting_for: Sequence[str] = (),
        problems: Sequence[Problem] = (),
        result: str | None = None,
    ) -> Analysis:
        """Enters a state; an ended analysis stays as it is."""
        told = {
            "state": state.value,
            "waiting_for": json.dumps(list(waiting_for)),
            "problems": PROBLEMS.dump_json(tuple(problems)).decode(),
        }
        this = ANALYSES.c.id == analysis_id
        changes = sql.or_(*(ANALYSES.c[name] != value for name, value in told.items()))
        since = sql.case((ANALYSES.c.state == state.value, ANALYSES.c.since), else_=now())
        statement = ANALYSES.update().where(this, ANALYSES.c.state.not_in(ENDED), changes)
        with self._writing() as connection:
            changed = connection.execute(statement.values(**told, since=since, result=result)).rowcount
            if changed:
                standing = _analysis(connection.execute(_WITH_LAST_ROUND.where(this)).one())
                _happened(connection, analysis_id, EventKind.STATE, AnalysisView.of(standing))
        if not changed:
            return self.get(analysis_id)
        self._listener(analysis_id)
        return standing

    def set_accepted(self, analysis_id: str, accepted: Mapping[str, Accepted]) -> None:
        """Keeps what every site answered to the specification."""
        rows = [
            {"analysis": analysis_id, "position": position, "site": site, "answer": answer.model_dump_json()}
            for position, (site, answer) in enumerate(accepted.items())
        ]
        self._require(analysis_id)
        with self._writing() as connection:
            connection.execute(ACCEPTED.delete().where(ACCEPTED.c.analysis == analysis_id))
            connection.execute(ACCEPTED.insert(), rows)

    def accepted(self, analysis_id: str) -> dict[str, Accepted]:
        """What every site answered."""
        query = sql.select(ACCEPTED).where(ACCEPTED.c.analysis == analysis_id).order_by(ACCEPTED.c.position)
        self._require(analysis_id)
        with self._reading() as connection:
            return {row.site: Accepted.model_validate_json(row.answer) for row in connection.execute(query)}

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        """Keeps the sum of the sites' one-shot starts."""
        self._require(analysis_id)
        statement = ANALYSES.update().where(ANALYSES.c.id == analysis_id).values(start=start.model_dump_json())
        with self._writing() as connection:
            connection.execute(statement)

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""
        text = self._column(analysis_id, ANALYSES.c.start)
        with told("read"):
            return None if text is None else StartMessage.model_validate_json(text)

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round, durably."""
        self._require(analysis_id)
        row = {
            "analysis": analysis_id,
            "number": entry.number,
            "psi": json.dumps(entry.psi, allow_nan=False),
            "summed": entry.summed.model_dump_json(),
            "log_likelihood": entry.summed.value,
            "decrement": entry.decrement,
            "accepted": entry.accepted,
            "seconds": entry.seconds,
        }
        with self._writing() as connection:
            connection.execute(ROUNDS.insert().values(row))
            _happened(connection, analysis_id, EventKind.ROUND, RoundView.of(entry.trace))
        self._listener(analysis_id)

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""
        self._require(analysis_id)
        query = sql.select(ROUNDS).where(ROUNDS.c.analysis == analysis_id).order_by(ROUNDS.c.number)
        with self._reading() as connection:
            return [_round(row) for row in connection.execute(query)]

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""
        text: str | None = self._column(analysis_id, ANALYSES.c.result)
        return text

    def events(self, analysis_id: str, *, after: int = 0) -> list[Event]:
        """The events whose numbers are larger than `after`."""
        self._require(analysis_id)
        query = sql.select(EVENTS).where(EVENTS.c.analysis == analysis_id, EVENTS.c.number > after)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.number))
            return [Event(row.number, EventKind(row.kind), row.data) for row in rows]

    def listen(self, listener: Listener) -> None:
        """Tells this listener from now on."""
        self._listener = listener

    def delete(self, analysis_id: str) -> None:
        """Forgets the analysis with everything that belongs to it."""
        self._require(analysis_id)
        with self._writing() as connection:
            connection.execute(ANALYSES.delete().where(ANALYSES.c.id == analysis_id))
        self._listener(analysis_id)

    def close(self) -> None:
        """Lets go of the connections."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """A transaction."""
        with told("written"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sql.Connection]:
        with told("read"), self._engine.connect() as connection:
            yield connection

    def _one(self, condition: sql.ColumnElement[bool], analysis_id: str) -> Analysis:
        with self._reading() as connection:
            row = connection.execute(_WITH_LAST_ROUND.where(condition)).one_or_none()
            if row is None:
                raise unknown(analysis_id)
            return _analysis(row)

    def _require(self, analysis_id: str) -> None:
        """Raises UnknownAnalysisError if there is none; `get` would read its whole specification."""
        self._column(analysis_id, ANALYSES.c.id)

    def _column(self, analysis_id: str, column: sql.Column[Any]) -> Any:
        with self._reading() as connection:
            row = connection.execute(sql.select(column).where(ANALYSES.c.id == analysis_id)).one_or_none()
        if row is None:
            raise unknown(analysis_id)
        return row[0]


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _happened(connection: sql.Connection, analysis_id: str, kind: EventKind, view: AnalysisView | RoundView) -> None:
    """Keeps an event in the transaction of what it tells of."""
    connection.execute(sql.select(ANALYSES.c.id).where(ANALYSES.c.id == analysis_id).with_for_update())
    # SQLite has one writer at a time; elsewhere the lock above keeps two from taking the same number
    last = sql.select(sql.func.coalesce(sql.func.max(_EARLIER.c.number), 0)).where(_EARLIER.c.analysis == analysis_id)
    number = last.scalar_subquery() + 1
    row = {"analysis": analysis_id, "number": number, "kind": kind.value, "data": view.model_dump_json()}
    connection.execute(EVENTS.insert().values(row))


def _analysis(row: sql.Row[Any]) -> Analysis:
    last = None
    if row.number is not None:
        last = TraceEntry(row.number, row.log_likelihood, row.decrement, row.accepted, row.seconds)
    return Analysis(
        id=row.id,
        request=AnalysisRequest.model_validate_json(row.request),
        specification=Specification.model_validate_json(row.specification),
        idempotency_key=row.idempotency_key,
        created_at=row.created_at,
        state=AnalysisState(row.state),
        since=row.since,
        waiting_for=tuple(json.loads(row.waiting_for)),
        problems=PROBLEMS.validate_json(row.problems),
        last=last,
    )


def _round(row: sql.Row[Any]) -> Round:
    return Round(
        number=row.number,
        psi=tuple(json.loads(row.psi)),
        summed=ContributionMessage.model_validate_json(row.summed),
        decrement=row.decrement,
        accepted=row.accepted,
        seconds=row.seconds,
    )
