"""A federation on PostgreSQL: the coordinator's store, and every site's rows by a query, with the real commands."""

import csv
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.commands import BIN, run
from tests.e2e.small_federation import REQUEST, SITES, Bits, Federation, Server, eventually, small_federation
from tests.postgresql import OWNER, PASSWORD, Cluster, cluster, needed

pytestmark = needed
ROWS = "hospital"
WRONG = 2
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as started:
        started.run(f"CREATE DATABASE {ROWS}")
        yield started


@pytest.fixture(scope="module")
def on_sqlite(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """The sites read PostgreSQL, and the coordinator does not know it yet."""
    with small_federation(tmp_path_factory.mktemp("postgresql")) as running:
        for site in SITES:
            into_database(server, running.data(site), site)
            running.sites[site].kill()
            running.sites[site].start()
        yield running


@pytest.fixture(scope="module")
def undisturbed(on_sqlite: Federation) -> Bits:
    return on_sqlite.fitted()


@pytest.fixture(scope="module")
def federation(server: Cluster, on_sqlite: Federation, undisturbed: Bits) -> Federation:
    """The same sites, with a coordinator that keeps everything in PostgreSQL."""
    assert len(undisturbed[0]) >= 4, "its middle is several rounds long"
    on_sqlite.configure(database=server.new_database())
    on_sqlite.restart_coordinator()
    return on_sqlite


def into_database(server: Cluster, file: Path, site: str) -> None:
    """Moves a site's rows to a table, and has its settings ask for them."""
    with file.open(encoding="utf-8") as opened:
        rows = ", ".join(f"({row['y']}, {row['x']})" for row in csv.DictReader(opened))
    server.run(
        f"CREATE TABLE {site} (y integer, x double precision)",
        f"INSERT INTO {site} VALUES {rows}",  # noqa: S608 -- a test's own
        database=ROWS,
    )
    file.unlink()
    file.with_name("password").write_text(PASSWORD, encoding="utf-8")
    file.with_name("password").chmod(0o600)
    url = server.url(ROWS, OWNER, password=None).render_as_string()
    settings = file.with_name("site.toml")
    lines = settings.read_text(encoding="utf-8").replace('data = "data.csv"', "")
    source = f'\n[source]\nurl = "{url}"\nquery = "SELECT y, x FROM {site}"\npassword_file = "password"\n'  # noqa: S608 -- as above
    settings.write_text(lines + source, encoding="utf-8")


def test_a_fit_that_is_kept_in_postgresql_is_to_the_bit_the_one_that_is_kept_in_sqlite(
    federation: Federation, undisturbed: Bits
) -> None:
    assert federation.fitted() == undisturbed


@pytest.mark.parametrize("step", ["prepare", "start", "3", "close"])
def test_a_coordinator_killed_in_the_middle_goes_on_in_postgresql_and_ends_with_the_same_bits(
    federation: Federation, undisturbed: Bits, step: str
) -> None:
    with federation.gates["Bern"].holding(step) as held:
        analysis = federation.submit()
        held.wait()
        federation.restart_coordinator()
    assert federation.bits(analysis) == undisturbed


def test_a_server_that_ends_all_connections_in_the_middle_costs_nothing(
    federation: Federation, server: Cluster, undisturbed: Bits
) -> None:
    with federation.gates["Bern"].holding("3") as held:
        analysis = federation.submit()
        held.wait()
        server.run(END_ALL)
    assert federation.bits(analysis) == undisturbed
    assert '"event": "database_locked_again"' in federation.coordinator.log


def test_a_second_coordinator_on_a_database_of_postgresql_does_not_start(federation: Federation) -> None:
    done = run("fedglmm-coordinator", "serve", str(federation.folder))
    assert done.returncode == WRONG
    assert f"another coordinator uses the database: postgresql+psycopg://{OWNER}:***@127.0.0.1" in done.stderr
    assert "Stop it first, or give this one a database of its own." in done.stderr
    assert federation.http.get("/analyses").is_success


def test_a_coordinator_whose_database_another_one_had_and_left_changes_nothing_more_until_it_is_restarted(
    federation: Federation, server: Cluster, undisturbed: Bits
) -> None:
    command = [str(BIN / "fedglmm-coordinator"), "serve", str(federation.folder / "coordinator.toml")]
    with (
        federation.gates["Bern"].holding("3") as held,
        closing(Server(command, federation.folder / "other.json")) as other,
    ):
        analysis = federation.submit()
        held.wait()
        server.run(END_ALL)
        address = f"{other.start()['url']}/v1/analyses/{analysis}"
        eventually(lambda: httpx.get(address).json()["state"] == "converged")
    told = federation.http.post("/analyses", json=REQUEST)
    assert (told.status_code, told.json()["where"]) == (503, "database")
    assert "another coordinator has taken the database over while this one had lost its connection." in told.text
    assert '"event": "database_taken_over"' in federation.coordinator.log
    assert federation.bits(analysis) == undisturbed, "it is the other one's"
    federation.restart_coordinator()
    assert federation.fitted() == undisturbed
