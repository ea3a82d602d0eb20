"""A database of PostgreSQL has one store at a time, also when the connection that holds its lock has ended."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from socket import (
    IPPROTO_TCP,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_USER_TIMEOUT,
    socket,
)
from typing import Any

import pytest
import sqlalchemy as sql
from structlog.testing import capture_logs

from coordinator import sql_store
from coordinator.database_faults import BROKEN
from coordinator.probed import probed
from coordinator.sole_database import KEY
from coordinator.sql_store import SqlStore
from shared.errors import SettingsError, StoreError
from tests.postgresql import PASSWORD, Cluster, cluster, needed
from tests.unit.smallest import SPECIFICATION
from tests.unit.test_store_faults import ROUND, START, new

pytestmark = needed


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@contextmanager
def impatient() -> Iterator[None]:
    """Nobody was killed here a moment ago, and somebody has the lock."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("coordinator.sole_database.PATIENCE", 0.0)
        yield


def end_holder(server: Cluster, url: str) -> None:
    """Ends the connection with the lock, the only one there that nobody shares, and waits until it has ended."""
    server.run(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        database=sql.make_url(url).database or "",
    )


def end_connections(server: Cluster) -> None:
    """Ends all, and waits until they have ended."""
    server.run("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE starts_with(datname, 'made')")


def test_a_second_store_on_a_database_is_refused_until_the_first_is_closed(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)):
        with impatient(), pytest.raises(SettingsError, match="another coordinator uses the database") as caught:
            SqlStore(url)
        assert caught.value.remedy == "Stop it first, or give this one a database of its own."
        assert PASSWORD not in str(caught.value)
        SqlStore(server.new_database()).close()
    SqlStore(url).close()


def test_a_lock_that_was_lost_is_taken_again_before_the_next_change(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as store, capture_logs() as log:
        analysis = store.add(new(), SPECIFICATION)
        end_connections(server)
        store.add_round(analysis.id, ROUND)
        assert [entry["event"] for entry in log] == ["database_locked_again"]
        store.set_start(analysis.id, START)
        assert len(log) == 1, "it has it again"


def test_a_lock_that_its_own_ended_connection_still_keeps_is_waited_for_and_blamed_on_nobody(server: Cluster) -> None:
    """As when the network was gone: the server gives the connection up later than the coordinator."""
    url = server.new_database()
    with closing(SqlStore(url)) as store, capture_logs() as log:
        analysis = store.add(new(), SPECIFICATION)
        end_connections(server)
        ended = probed(sql.make_url(url), isolation_level="AUTOCOMMIT", poolclass=sql.NullPool)
        with ended.connect() as connection:
            assert connection.scalar(sql.select(sql.func.pg_try_advisory_lock(KEY)))
            with impatient(), pytest.raises(StoreError, match="still locked for a connection that has ended") as caught:
                store.add_round(analysis.id, ROUND)
            assert caught.value.code == StoreError.code, "it may pass"
            assert log == []
        store.add_round(analysis.id, ROUND)
        assert [entry["event"] for entry in log] == ["database_locked_again"]


def test_a_store_whose_database_somebody_else_took_over_changes_nothing_more_also_once_that_one_is_gone(
    server: Cluster,
) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as first:
        analysis = first.add(new(), SPECIFICATION)
        end_connections(server)
        with closing(SqlStore(url)) as second, capture_logs() as log:
            for _ in range(2):
                with (
                    impatient(),
                    pytest.raises(StoreError, match="another coordinator has taken the database over") as caught,
                ):
                    first.add_round(analysis.id, ROUND)
                assert caught.value.code == BROKEN, "it is not waited out"
            assert [entry["event"] for entry in log] == ["database_taken_over"]
            assert first.get(analysis.id) == analysis, "it may look"
            second.add_round(analysis.id, ROUND)
        with pytest.raises(StoreError, match="Restart this one once the other one has ended"):
            first.delete(analysis.id)


def test_a_store_whose_database_somebody_else_had_while_its_lock_was_lost_changes_nothing_more(server: Cluster) -> None:
    """The other one is gone before the first one's next change: nobody has the lock, but its memory is of yesterday."""
    url = server.new_database()
    with closing(SqlStore(url)) as first, capture_logs() as log:
        analysis = first.add(new(), SPECIFICATION)
        end_connections(server)
        with closing(SqlStore(url)) as second:
            second.add_round(analysis.id, ROUND)
        for _ in range(2):
            with pytest.raises(StoreError, match="another coordinator has taken the database over") as caught:
                first.add_round(analysis.id, replace(ROUND, number=ROUND.number + 1))
            assert (caught.value.code, caught.value.remedy) == (
                BROKEN,
                "Restart this one once the other one has ended, or leave the database to the other one.",
            )
        assert [entry["event"] for entry in log] == ["database_taken_over"]
        assert first.rounds(analysis.id) == [ROUND]


def test_a_store_that_is_too_late_lets_the_other_one_have_the_lock(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as first:
        analysis = first.add(new(), SPECIFICATION)
        end_connections(server)
        with closing(SqlStore(url)) as second:
            end_connections(server)
            with pytest.raises(StoreError, match="another coordinator has taken the database over"):
                first.delete(analysis.id)
            with impatient():
                second.add_round(analysis.id, ROUND)
            assert second.rounds(analysis.id) == [ROUND]


def test_the_same_is_noticed_where_a_backup_was_put_back_in_between(server: Cluster) -> None:
    """A number that is raised would come again."""
    url = server.new_database()
    name = sql.make_url(url).database or ""
    SqlStore(url).close()
    server.run("CREATE TABLE backup AS SELECT * FROM fence", database=name)
    with closing(SqlStore(url)) as first:
        analysis = first.add(new(), SPECIFICATION)
        end_connections(server)
        server.run("DELETE FROM fence", "INSERT INTO fence SELECT * FROM backup", database=name)
        SqlStore(url).close()
        with pytest.raises(StoreError, match="another coordinator has taken the database over"):
            first.delete(analysis.id)


def test_a_database_from_before_there_was_a_fence_gets_one(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as before:
        analysis = before.add(new(), SPECIFICATION)
    server.run("DROP TABLE fence", database=sql.make_url(url).database or "")
    with closing(SqlStore(url)) as first:
        end_connections(server)
        first.add_round(analysis.id, ROUND)
        end_connections(server)
        SqlStore(url).close()
        with pytest.raises(StoreError, match="another coordinator has taken the database over"):
            first.delete(analysis.id)


def test_nobody_takes_a_database_over_before_a_change_under_way_has_ended(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is lost after it was confirmed, and before the change is stored."""
    url = server.new_database()
    happened = sql_store._happened

    def loses_the_lock_first(*args: Any) -> None:
        end_holder(server, url)
        with impatient(), pytest.raises(SettingsError, match="another coordinator uses the database"):
            SqlStore(url)
        happened(*args)

    with closing(SqlStore(url)) as first:
        analysis = first.add(new(), SPECIFICATION)
        with monkeypatch.context() as patched:
            patched.setattr(sql_store, "_happened", loses_the_lock_first)
            first.add_round(analysis.id, ROUND)
        with closing(SqlStore(url)) as second:
            assert second.rounds(analysis.id) == [ROUND], "it was stored before the database was taken over"
            with impatient(), pytest.raises(StoreError, match="another coordinator has taken the database over"):
                first.delete(analysis.id)
            assert second.rounds(analysis.id) == [ROUND]


def test_both_ends_of_every_connection_find_out_within_a_minute_that_the_other_is_gone(server: Cluster) -> None:
    url = server.new_database()
    connections: list[Any] = []

    def made(connection: Any, _record: object) -> None:
        connections.append(connection)

    sql.event.listen(sql.Pool, "connect", made)
    try:
        with closing(SqlStore(url)) as store:
            store.add(new(), SPECIFICATION)
            assert len(connections) == 2, "that of the lock, and that of the change"
            for connection in connections:
                with socket(fileno=os.dup(connection.fileno())) as ours:
                    assert ours.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
                    assert ours.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) == 30_000
                    found = [ours.getsockopt(IPPROTO_TCP, name) for name in (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT)]
                assert found == [10, 10, 3]
                for name, value in {"idle": "10", "interval": "10", "count": "3"}.items():
                    assert connection.execute(f"SHOW tcp_keepalives_{name}").fetchone() == (value,)
                connection.rollback()
    finally:
        sql.event.remove(sql.Pool, "connect", made)


def test_what_a_url_says_of_its_connections_holds(server: Cluster) -> None:
    engine = probed(sql.make_url(server.new_database()).update_query_dict({"tcp_user_timeout": "12000"}))
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with socket(fileno=os.dup(driver.fileno())) as ours:
            assert ours.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) == 12_000
    engine.dispose()
