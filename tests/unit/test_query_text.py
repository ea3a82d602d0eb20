"""A query is one SELECT on a database that is there, and no secret of it shows."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from site_node.data.database import Query
from site_node.data.query_source import QuerySource
from tests.unit.queried import fault


@pytest.mark.parametrize(
    "text",
    ["DELETE FROM trial", "SELECT 1; DROP TABLE trial", "", "-- SELECT\nUPDATE trial SET x = 1", "EXPLAIN SELECT 1"],
)
def test_what_is_no_single_select_is_not_even_sent(text: str) -> None:
    with pytest.raises(ValueError, match="the query has to be a"):
        Query.of("sqlite:///rows.db", text)


@pytest.mark.parametrize(
    "text", ["select 1", "(SELECT 1)", "/* a; b */ SELECT ';' ; ", "WITH a AS (SELECT 1) SELECT * FROM a -- all"]
)
def test_a_select_is_one_however_it_is_written(text: str) -> None:
    assert not Query.of("sqlite:///rows.db", text).text.endswith(";")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    error = fault(Query.of(f"sqlite:///{tmp_path / 'none.db'}", "SELECT 1 AS x"))
    assert (error.message, list(tmp_path.iterdir())) == ("there is no such database.", [])
    (tmp_path / "text.db").write_text("no database", encoding="utf-8")
    query = Query.of(f"sqlite:///{tmp_path / 'text.db'}", "SELECT x FROM trial")
    assert fault(query).message == "the file is no SQLite database."


@pytest.mark.parametrize("url", ["nosuchkind://reader@db/registry", "postgresql+nodriver://reader@db/registry"])
def test_a_kind_of_database_without_a_driver_is_told_with_what_to_install(url: str) -> None:
    assert "pip install '.[postgresql]'" in fault(Query.of(url, "SELECT 1")).remedy


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter22@db/a",
        *(f"mysql://db/a?{name}=hunter22" for name in ("password", "passwd", "PWD", "sslpassword")),
        "no url",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"a password stands in a file|a database is a URL") as caught:
        Query.of(url, "SELECT 1")
    assert "hunter22" not in str(caught.value)


def test_neither_the_password_nor_the_secret_shows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rows.db'}"
    source = QuerySource(Query.of(url, "SELECT 1", SecretStr("hunter22")), b"my-secret")
    assert "hunter22" not in repr(source) + str(source.query.url)
    assert "my-secret" not in repr(source)
    assert os.fspath(tmp_path) in source.query.place
