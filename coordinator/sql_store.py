"""The store in a database: SQLite by default (write-ahead log, every commit synced), or whatever SQLAlchemy reaches."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from coordinator.database_faults import CONFLICT, told
from coordinator.probed import probed
from coordinator.records import Analysis, Event, EventKind, Round, TraceEntry, now
from coordinator.rows import PROBLEMS, TRACE, WITH_LAST_ROUND, analysis_of, entry_of, round_of
from coordinator.sole_database import SoleDatabase
from coordinator.sole_use import sole_use
from coordinator.soundness import check_sound
from coordinator.sqlite_file import sqlite_file
from coordinator.states import ENDED, AnalysisState
from coordinator.store import Listener, nobody, unknown
from coordinator.tables import ACCEPTED, ANALYSES, EVENTS, METADATA, ROUNDS
from coordinator.views import AnalysisView, RoundView
from coordinator.wanted import ALL, Wanted
from coordinator.wanted_rows import conditions
from shared.errors import SettingsError, StoreError
from shared.messages import Accepted, Problem, StartMessage
from shared.specification import Specification

_EARLIER = EVENTS.alias()
POOL_SIZE, POOL_OVERFLOW, POOL_SECONDS = 8, 48, 10.0
"""Connections that are kept, further ones at a time, and how long one is waited for."""


class SqlStore:
    """A store that outlives its process. A SQLite file or a PostgreSQL database has one at a time, until that is closed.

    Raises:
        SettingsError: the database cannot be opened, is damaged, is somebody else's or is in use; nothing was changed in it.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
            self._sole: SoleDatabase | None = None
            check_sound(self._engine.url, METADATA.tables)
            with ExitStack() as held:
                if file := sqlite_file(self._engine.url):
                    held.enter_context(sole_use(file))
                if self._engine.dialect.name == "postgresql":
                    self._sole = held.enter_context(closing(SoleDatabase(self._engine.url)))
                if self._engine.dialect.name == "sqlite":
                    sql.event.listen(self._engine, "connect", _sqlite_pragmas)
                METADATA.create_all(self._engine)
                self._held = held.pop_all()
        except (SQLAlchemyError, ImportError) as error:
            place = sql.make_url(url).render_as_string(hide_password=True)
            raise SettingsError(
                f"the database {place} cannot be opened ({type(error).__name__}).",
                where="database",
                remedy="A file's folder must exist and be writable; any other database needs its driver, a server that answers "
                "and a user who may create tables.",
            ) from error
        self._listener: Listener = nobody

    def add(self, analysis: Analysis, specification: Specification) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known."""
        row = {
            "id": analysis.id,
            "idempotency_key": analysis.idempotency_key,
            "request_sha256": analysis.request_sha256,
            "request": analysis.request.model_dump_json(),
            "roster": json.dumps(analysis.roster),
            "specification": specification.model_dump_json(),
            "owner": analysis.owner,
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

    def specification(self, analysis_id: str) -> Specification:
        """What is fitted."""
        text = self._column(analysis_id, ANALYSES.c.specification)
        with told("read"):
            return Specification.model_validate_json(text)

    def newest(self, wanted: Wanted = ALL, *, limit: int, before: str | None = None) -> list[Analysis]:
        """Newest first, after the analysis `before` in that order."""
        query = WITH_LAST_ROUND.order_by(ANALYSES.c.sequence.desc()).limit(limit)
        query = query.where(*conditions(wanted, self._engine.dialect.name))
        if before is not None:
            query = query.where(ANALYSES.c.sequence < self._column(before, ANALYSES.c.sequence))
        with self._reading() as connection:
            return [analysis_of(row) for row in connection.execute(query)]

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
        entered = {
            "state": state.value,
            "waiting_for": json.dumps(list(waiting_for)),
            "problems": PROBLEMS.dump_json(tuple(problems)).decode(),
        }
        this = ANALYSES.c.id == analysis_id
        changes = sql.or_(*(ANALYSES.c[name] != value for name, value in entered.items()))
        since = sql.case((ANALYSES.c.state == state.value, ANALYSES.c.since), else_=now())
        statement = ANALYSES.update().where(this, ANALYSES.c.state.not_in(ENDED), changes)
        with self._writing() as connection:
            changed = connection.execute(statement.values(**entered, since=since, result=result)).rowcount
            if changed:
                standing = analysis_of(connection.execute(WITH_LAST_ROUND.where(this)).one())
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
        with self._writing() as connection:
            if _goes_on(connection, analysis_id):
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
        statement = ANALYSES.update().where(ANALYSES.c.id == analysis_id).values(start=start.model_dump_json())
        with self._writing() as connection:
            if _goes_on(connection, analysis_id):
                connection.execute(statement)

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""
        text = self._column(analysis_id, ANALYSES.c.start)
        with told("read"):
            return None if text is None else StartMessage.model_validate_json(text)

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round, durably."""
        row = {
            "analysis": analysis_id,
            "number": entry.number,
            "psi": json.dumps(entry.psi, allow_nan=False),
            "summed": entry.summed.model_dump_json(),
            "log_likelihood": entry.log_likelihood,
            "decrement": entry.decrement,
            "accepted": entry.accepted,
            "seconds": entry.seconds,
        }
        with self._writing() as connection:
            if not _goes_on(connection, analysis_id):
                return
            connection.execute(ROUNDS.insert().values(row))
            _happened(connection, analysis_id, EventKind.ROUND, RoundView.of(entry.trace))
        self._listener(analysis_id)

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""
        self._require(analysis_id)
        query = sql.select(ROUNDS).where(ROUNDS.c.analysis == analysis_id).order_by(ROUNDS.c.number)
        with self._reading() as connection:
            return [round_of(row) for row in connection.execute(query)]

    def trace(self, analysis_id: str) -> list[TraceEntry]:
        """What an analyst sees of all rounds, in order."""
        self._require(analysis_id)
        query = TRACE.where(ROUNDS.c.analysis == analysis_id).order_by(ROUNDS.c.number)
        with self._reading() as connection:
            return [entry_of(row) for row in connection.execute(query)]

    def tried(self, analysis_id: str) -> list[tuple[float, ...]]:
        """The psi of all rounds, in order."""
        self._require(analysis_id)
        query = sql.select(ROUNDS.c.psi).where(ROUNDS.c.analysis == analysis_id).order_by(ROUNDS.c.number)
        with self._reading() as connection:
            return [tuple(json.loads(psi)) for psi in connection.scalars(query)]

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""
        text: str | None = self._column(analysis_id, ANALYSES.c.result)
        return text

    def events(self, analysis_id: str, *, after: int = 0) -> list[Event]:
        """The events whose numbers are larger than `after`."""
        query = sql.select(EVENTS).where(EVENTS.c.analysis == analysis_id, EVENTS.c.number > after)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.number))
            found = [Event(row.number, EventKind(row.kind), row.data) for row in rows]
        if not found:
            self._require(analysis_id)
        return found

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
        """Lets go of the connections and of the file."""
        self._engine.dispose()
        self._held.close()

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """A transaction. SQLite lets nobody else write in it: what it reads stays as it is."""
        with told("written"), self._engine.begin() as connection:
            if self._sole is not None:
                self._sole.confirm(connection)
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sql.Connection]:
        with told("read"), self._engine.connect() as connection:
            yield connection

    def _one(self, condition: sql.ColumnElement[bool], analysis_id: str) -> Analysis:
        with self._reading() as connection:
            row = connection.execute(WITH_LAST_ROUND.where(condition)).one_or_none()
            if row is None:
                raise unknown(analysis_id)
            return analysis_of(row)

    def _require(self, analysis_id: str) -> None:
        """Raises UnknownAnalysisError if there is none."""
        self._column(analysis_id, ANALYSES.c.id)

    def _column(self, analysis_id: str, column: sql.Column[Any]) -> Any:
        with self._reading() as connection:
            row = connection.execute(sql.select(column).where(ANALYSES.c.id == analysis_id)).one_or_none()
        if row is None:
            raise unknown(analysis_id)
        return row[0]


def _engine(url: str) -> sql.Engine:
    """With a connection for each of the threads that answer requests, and some for the analyses."""
    pool = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW, "pool_timeout": POOL_SECONDS}
    made = sql.make_url(url)
    if made.get_backend_name() != "sqlite":
        pool["pool_pre_ping"] = True  # a server that was restarted has closed the connections that are kept
    in_memory = made.get_backend_name() == "sqlite" and sqlite_file(made) is None
    return probed(made, **({} if in_memory else pool))


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _goes_on(connection: sql.Connection, analysis_id: str) -> bool:
    """Whether an analysis has not ended, which stays so until the transaction does."""
    query = sql.select(ANALYSES.c.state).where(ANALYSES.c.id == analysis_id).with_for_update()
    state = connection.scalars(query).one_or_none()
    if state is None:
        raise unknown(analysis_id)
    return not AnalysisState(state).ended


def _happened(connection: sql.Connection, analysis_id: str, kind: EventKind, view: AnalysisView | RoundView) -> None:
    """Keeps an event in the transaction of what it tells of, which has locked the analysis: no other takes the same number."""
    last = sql.select(sql.func.coalesce(sql.func.max(_EARLIER.c.number), 0)).where(_EARLIER.c.analysis == analysis_id)
    number = last.scalar_subquery() + 1
    row = {"analysis": analysis_id, "number": number, "kind": kind.value, "data": view.model_dump_json()}
    connection.execute(EVENTS.insert().values(row))
