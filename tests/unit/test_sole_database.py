"""A database of PostgreSQL has one store at a time, also when the connection that holds its lock has ended."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from structlog.testing import capture_logs

from coordinator.database_faults import BROKEN
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
        with pytest.raises(StoreError, match="restart this one afterwards"):
            first.delete(analysis.id)
