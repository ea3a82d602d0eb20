"""What the SQL store promises beyond the suite of all stores holds on PostgreSQL too."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.database_faults import BROKEN, CONFLICT
from coordinator.sql_store import SqlStore
from coordinator.tables import METADATA
from shared.errors import SettingsError, StoreError
from shared.messages import ContributionMessage
from tests.postgresql import OWNER, PASSWORD, Cluster, cluster, needed
from tests.unit.smallest import SPECIFICATION
from tests.unit.test_store_faults import ROUND, new

pytestmark = needed
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture(scope="module")
def store(server: Cluster) -> Iterator[SqlStore]:
    with closing(SqlStore(server.new_database())) as kept:
        yield kept


@given(psi=FLOATS, value=FLOATS, hessian=FLOATS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_float_comes_back_with_the_same_bits(store: SqlStore, psi: float, value: float, hessian: float) -> None:
    summed = ContributionMessage(value=value, gradient=(psi,), hessian=(hessian,))
    analysis = store.add(replace(new(), idempotency_key=None), SPECIFICATION)
    store.add_round(analysis.id, replace(ROUND, psi=(psi,), summed=summed, log_likelihood=value))
    (back,) = store.rounds(analysis.id)
    found = (*back.psi, back.summed.value, *back.summed.gradient, *back.summed.hessian, back.log_likelihood)
    assert [number.hex() for number in found] == [number.hex() for number in (psi, value, psi, hessian, value)]


def test_what_was_stored_is_there_for_the_next_process(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as before:
        analysis = before.add(new(), SPECIFICATION)
        before.add_round(analysis.id, ROUND)
    with closing(SqlStore(url)) as after:
        assert (after.rounds(analysis.id), after.unfinished()) == ([ROUND], [analysis.id])


def test_connections_that_the_server_has_closed_are_made_anew(server: Cluster) -> None:
    with closing(SqlStore(server.new_database())) as store:
        analysis = store.add(new(), SPECIFICATION)
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, 'made')")
        assert store.get(analysis.id) == analysis
        store.add_round(analysis.id, ROUND)


def test_a_round_that_is_there_already_is_a_conflict_and_a_database_without_tables_is_broken(server: Cluster) -> None:
    url = server.new_database()
    with closing(SqlStore(url)) as store:
        analysis = store.add(new(), SPECIFICATION)
        store.add_round(analysis.id, ROUND)
        with pytest.raises(StoreError, match="cannot be written") as twice:
            store.add_round(analysis.id, ROUND)
        assert (twice.value.code, "12345" in str(twice.value)) == (CONFLICT, False)
        engine = sql.create_engine(url)
        METADATA.drop_all(engine)
        engine.dispose()
        with pytest.raises(StoreError, match="cannot be read") as broken:
            store.get(analysis.id)
        assert broken.value.code == BROKEN


@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("owner", "none")])
def test_a_database_that_does_not_let_in_is_named_without_its_password(
    server: Cluster, user: str, database: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        SqlStore(server.url(database, user).render_as_string(hide_password=False))
    assert f"127.0.0.1:{server.port}/{database}" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_the_password_may_stand_in_a_file_as_libpq_reads_it(server: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:*:{OWNER}:{PASSWORD}\n", encoding="utf-8")
    file.chmod(0o600)
    database = sql.make_url(server.new_database()).database or ""
    url = server.url(database, password=None).update_query_dict({"passfile": str(file)})
    with closing(SqlStore(url.render_as_string())) as store:
        assert store.unfinished() == []
