"""The rows of a query are the same columns as those of a file, and what is wrong with a database is said without a secret."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from shared.codes import DATA_CHANGED
from shared.dictionary import Dictionary
from shared.errors import DataError
from site_node.data import database as database_module
from site_node.data.database import Query
from site_node.data.database_faults import DatabaseError
from site_node.data.inference import infer, infer_from
from site_node.data.opening import open_rows
from site_node.data.query_source import QuerySource
from site_node.data.reading import read_columns
from site_node.data.snapshot import take
from tests.postgresql import PASSWORD, Cluster, cluster, needed
from tests.unit.queried import COLUMNS, ROWS, VARIABLES, Database, fault, inserted, read

CANARY = "Zq7Canary"
DICTIONARY = Dictionary(variables=VARIABLES)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needed)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'rows.db'}", None)
    else:
        started: Cluster = request.getfixturevalue("server")
        url = started.url(password=None).render_as_string()
        made = Database(url, SecretStr(PASSWORD), started)
    made.run("DROP TABLE IF EXISTS trial", f"CREATE TABLE trial ({COLUMNS})", *map(inserted, ROWS))
    return made


def test_a_query_gives_the_columns_that_a_file_of_the_same_rows_gives(database: Database, tmp_path: Path) -> None:
    lines = [",".join("" if value is None else str(value) for value in row) for row in ROWS]
    path = tmp_path / "same.csv"
    path.write_text("\n".join(["x,k,arm,clinic", *lines]) + "\n", encoding="utf-8")
    of_file, of_query = read_columns(path, VARIABLES), read(database.query())
    assert of_query.origin is not None
    back = np.argsort(of_query.origin)
    for mine, theirs in ((of_query.numbers, of_file.numbers), (of_query.codes, of_file.codes)):
        for name in theirs:
            np.testing.assert_array_equal(mine[name][back], theirs[name])
    np.testing.assert_array_equal(of_query.groups["clinic"][back], of_file.groups["clinic"])
    with open_rows(database.query()) as columns:
        assert infer_from(columns.file).dictionary == infer(path).dictionary


def test_the_order_in_which_the_rows_come_changes_neither_fingerprint_nor_table(database: Database) -> None:
    one = database.query("SELECT * FROM trial ORDER BY k")
    other = database.query("SELECT * FROM trial ORDER BY k DESC")
    assert take(one).fingerprint(b"secret") == take(other).fingerprint(b"secret")
    for name in ("x", "k"):
        np.testing.assert_array_equal(read(one).numbers[name], read(other).numbers[name])
    assert read(one).codes["arm"].tolist() == read(other).codes["arm"].tolist()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trial SET x = 0.2 WHERE k = 1",
        "UPDATE trial SET arm = NULL WHERE k = 1",
        "UPDATE trial SET clinic = 'B' WHERE k = 1",
        "DELETE FROM trial WHERE k = 1",
        "INSERT INTO trial SELECT * FROM trial WHERE k = 1",
    ],
)
def test_the_fingerprint_changes_with_every_cell_and_row_and_with_the_secret(database: Database, change: str) -> None:
    before = take(database.query()).fingerprint(b"secret")
    assert take(database.query()).fingerprint(b"secret") == before
    assert take(database.query()).fingerprint(b"another") != before
    database.run(change)
    assert take(database.query()).fingerprint(b"secret") != before


def test_rows_come_in_batches_and_are_all_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = take(database.query()).fingerprint(b"secret")
    monkeypatch.setattr(database_module, "BATCH", 2)
    assert take(database.query()).fingerprint(b"secret") == whole


def test_a_percent_sign_and_a_colon_in_a_query_are_themselves(database: Database) -> None:
    text = "SELECT k FROM trial WHERE clinic LIKE '%b' AND clinic <> ':b' AND arm LIKE 'd%'"
    assert take(database.query(text)).query("SELECT c0 FROM data").fetchall() == [(1,)]


def test_a_bad_value_is_told_by_the_row_that_the_query_gives_it_in(database: Database) -> None:
    database.run(f"UPDATE trial SET arm = '{CANARY}' WHERE k = 4")  # noqa: S608 -- a test's own
    with pytest.raises(DataError, match="column `arm`: row 4 holds a level that the dictionary lacks") as caught:
        read(database.query("SELECT * FROM trial ORDER BY coalesce(k, 3)"))
    assert CANARY not in str(caught.value)


TYPES = [
    ("CAST(NULL AS integer)", "1", ["VARCHAR", "BIGINT"]),
    ("12345678901", "1.5", ["BIGINT", "DOUBLE"]),
    ("'text'", "'NA'", ["VARCHAR", "VARCHAR"]),
]


@pytest.mark.parametrize(("first", "second", "kinds"), TYPES)
def test_a_columns_type_is_that_of_its_values(database: Database, first: str, second: str, kinds: list[str]) -> None:
    assert list(take(database.query(f"SELECT {first} AS a, {second} AS b")).types) == kinds


def test_a_column_whose_first_rows_are_missing_has_the_type_of_the_later_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BATCH", 1)
    snapshot = take(database.query("SELECT x, k FROM trial ORDER BY CASE WHEN k IN (2, 5) THEN 0 ELSE 1 END, k"))
    assert snapshot.types == ("DOUBLE", "BIGINT")


@needed
def test_the_types_of_postgresql_have_one_meaning_each(server: Cluster) -> None:
    asked = (
        "SELECT true AS t, 1.50::numeric(9,2) AS d, 7::numeric AS w, DATE '2020-01-31' AS day, "
        "TIMESTAMPTZ '2020-01-31 12:00+02' AS moment, '6f1c8b34-0000-4000-8000-000000000001'::uuid AS id, 'x'::char(3) AS c"
    )
    snapshot = take(Query.of(server.url(password=None).render_as_string(), asked, SecretStr(PASSWORD)))
    assert snapshot.query("SELECT * EXCLUDE place FROM data").fetchall() == [
        (True, 1.5, 7, "2020-01-31", "2020-01-31 10:00:00+00:00", "6f1c8b34-0000-4000-8000-000000000001", "x  ")
    ]


@needed
def test_whole_numbers_are_kept_to_64_bits_and_beyond_they_are_refused_by_their_column(server: Cluster) -> None:
    url = server.url(password=None).render_as_string()
    asked = "SELECT 9223372036854775807 AS a, 9007199254740993::numeric(20,0) AS b"
    kept = take(Query.of(url, asked, SecretStr(PASSWORD))).query("SELECT c0, c1 FROM data").fetchall()
    assert kept == [(9223372036854775807, 9007199254740993)]
    error = fault(Query.of(url, "SELECT 9223372036854775808::numeric(20,0) AS b", SecretStr(PASSWORD)))
    assert (error.where, error.message) == ("column `b`", "a whole number is beyond 64 bits.")


@needed
@pytest.mark.parametrize("value", ["ARRAY[1]", "'{}'::json", "INTERVAL '1 day'", "'\\x00'::bytea"])
def test_a_type_that_is_neither_number_nor_text_is_refused_by_its_column(server: Cluster, value: str) -> None:
    query = Query.of(server.url(password=None).render_as_string(), f"SELECT 1 AS a, {value} AS b", SecretStr(PASSWORD))
    error = fault(query)
    assert error.where == "column `b`"
    assert error.message.startswith("row 1 holds what is neither a number nor a text")


def test_a_column_of_more_than_one_kind_is_refused_by_column_and_row(tmp_path: Path) -> None:
    """SQLite takes any value in any column."""
    file = tmp_path / "rows.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (n, v)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, 1.5), (2, None), (3, CANARY), (4, b"\0")])
    connection.close()
    error = fault(Query.of(f"sqlite:///{file}", "SELECT v FROM t ORDER BY n"))
    assert str(error).startswith("column `v`: row 3 holds a text, and a row before it a number.")
    assert CANARY not in str(error)
    error = fault(Query.of(f"sqlite:///{file}", "SELECT v FROM t WHERE n <> 3 ORDER BY n"))
    assert error.message == "row 3 holds what is neither a number nor a text (bytes)."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT * FROM nowhere", "the query names a table that is not there. Mend"),
        ("SELECT nobody FROM trial", "the query names a column that is not there. Mend"),
        ("SELECT x FROM trial WHERE k > 99", "the query gives no rows."),
        ("SELECT FROM WHERE", "the query is not one that the database can carry out."),
        ('SELECT x, k AS "X" FROM trial', "columns 1 and 2 have the same name, but for upper and lower case."),
        ("WITH a AS (DELETE FROM trial RETURNING k) SELECT k FROM a", "the query is"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_in_words(database: Database, text: str, says: str) -> None:
    assert says in str(fault(database.query(text)))
    assert len(take(database.query()).query("SELECT 1 FROM data").fetchall()) == len(ROWS), "nothing was changed"


def test_what_a_database_says_of_a_row_is_not_repeated(database: Database, tmp_path: Path) -> None:
    if database.cluster is None:
        with sqlite3.connect(tmp_path / "rows.db") as connection:
            connection.execute("INSERT INTO trial (x, arm) VALUES (1, CAST(X'5A713743616E617279FF' AS TEXT))")
        connection.close()
        error = fault(database.query())
    else:
        database.run(f"INSERT INTO trial (x, arm) VALUES (1, '{CANARY}')")  # noqa: S608 -- a test's own
        error = fault(database.query("SELECT CAST(arm AS integer) AS a FROM trial WHERE k IS NULL AND x = 1"))
    assert error.message == "the query was not carried out to its end."
    assert CANARY not in f"{error} {error.args}"


@needed
def test_who_is_not_let_in_is_told_why_and_never_with_the_password(server: Cluster) -> None:
    url = server.url(password=None)
    for place, password, says in (
        (url, "wrong-password", "it does not let in: the user, the password or the database's name is wrong."),
        (
            url.set(database="none"),
            PASSWORD,
            "it does not let in: the user, the password or the database's name is wrong.",
        ),
        (url, None, "it asks for a password, and none is set."),
        (url.set(port=1), PASSWORD, "it cannot be reached, or lets nobody in from here."),
    ):
        secret = None if password is None else SecretStr(password)
        error = fault(Query.of(place.render_as_string(), "SELECT 1 AS x", secret))
        assert isinstance(error, DatabaseError)
        assert error.message == says
        assert error.detail == place.render_as_string()
        assert str(error.detail) not in error.message + error.where + error.remedy, "only the site's own people read it"
        assert PASSWORD not in str(error)
        assert "wrong-password" not in str(error)


@needed
def test_a_table_that_the_user_may_not_read_is_told_with_what_to_grant(server: Cluster) -> None:
    server.run("DROP TABLE IF EXISTS private", "CREATE TABLE private AS SELECT 1 AS x", "DROP ROLE IF EXISTS reader")
    server.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    url = server.url(user="reader", password=None).render_as_string()
    error = fault(Query.of(url, "SELECT x FROM private", SecretStr(PASSWORD)))
    assert (error.message, "GRANT SELECT" in error.remedy) == (
        "the database's user may not read what the query names.",
        True,
    )


@needed
def test_all_rows_are_of_one_moment_and_nothing_can_be_written(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BATCH", 1)
    server.run("DROP TABLE IF EXISTS many", "CREATE TABLE many AS SELECT generate_series(1, 50) AS x")
    query = Query.of(server.url(password=None).render_as_string(), "SELECT x FROM many", SecretStr(PASSWORD))
    with database_module.selected(query) as (_, batches):
        first = next(batches)
        server.run("DELETE FROM many")
        assert len(first) + sum(len(batch) for batch in batches) == 50
    asked = "SELECT current_setting('transaction_read_only') AS r, current_setting('transaction_isolation') AS i"
    shown = Query.of(server.url(password=None).render_as_string(), asked, SecretStr(PASSWORD))
    with database_module.selected(shown) as (_, batches):
        assert [tuple(row) for row in next(batches)] == [("on", "repeatable read")]


def test_a_source_reads_anew_for_every_analysis_and_tells_an_earlier_one_that_its_rows_have_changed(
    database: Database,
) -> None:
    source = QuerySource(database.query(), b"secret")
    with source.opened() as (first, columns):
        assert source.fingerprint() == first
        assert len(source.known(first, DICTIONARY).rows) == columns.read(VARIABLES).rows == len(ROWS)
    database.run("UPDATE trial SET x = 7 WHERE k = 1")
    assert source.fingerprint() == first, "what an analysis under way was made of is still held"
    with source.opened() as (second, _):
        assert second == source.fingerprint() != first
    with pytest.raises(DataError) as caught:
        source.known(first, DICTIONARY)
    assert caught.value.code == DATA_CHANGED


def test_equal_rows_have_the_ids_that_they_had_before_in_another_order(database: Database) -> None:
    ids = []
    for text in ("SELECT * FROM trial ORDER BY k", "SELECT * FROM trial ORDER BY k DESC"):
        source = QuerySource(database.query(text), b"secret")
        ids.append(source.known(source.fingerprint(), DICTIONARY).rows.tolist())
    assert ids[0] == ids[1]
