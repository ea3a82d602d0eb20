"""A file's rows are read in its order and as it has them, however large it is and wherever it lies."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.files import open_file
from site_node.data.reading import read_columns
from site_node.data.split import split

X = Variable(name="x", type="number")
ROWS = 700_000


def test_the_rows_of_a_large_csv_file_come_in_its_order(tmp_path: Path) -> None:
    """From 8 MB on a parallel reader gave them in another order each time."""
    path = tmp_path / "rows.csv"
    path.write_text("x,t\n" + "".join(f"{i},{7 * i}\n" for i in range(ROWS)), encoding="ascii")
    for _ in range(2):
        np.testing.assert_array_equal(read_columns(path, [X]).numbers["x"], np.arange(ROWS))


def test_line_breaks_in_quotes_are_no_line_ends_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    notes = ("y" * length for length in np.random.default_rng(0).integers(0, 40, ROWS // 2).tolist())
    path.write_text("x,t\n" + "".join(f'{i},"a{note}\n-{i},b"\n' for i, note in enumerate(notes)), encoding="ascii")
    np.testing.assert_array_equal(read_columns(path, [X]).numbers["x"], np.arange(ROWS // 2))


@pytest.mark.parametrize("folder", ["x=7", "c0=7", "year=2020"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_name_of_a_folder_is_no_column(tmp_path: Path, folder: str, kind: str) -> None:
    path = tmp_path / folder / f"rows.{kind}"
    path.parent.mkdir()
    with duckdb.connect() as connection:
        three = connection.sql("SELECT range::DOUBLE AS x FROM range(3)")
        (three.write_csv if kind == "csv" else three.write_parquet)(str(path))
    assert read_columns(path, [X]).numbers["x"].tolist() == [0.0, 1.0, 2.0]
    with open_file(path) as file:
        assert file.names == ("x",)


def test_columns_of_a_parquet_file_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1.0 AS pressure, 2.0 AS qressure) TO '{path}' (FORMAT parquet)")
    path.write_bytes(path.read_bytes().replace(b"qressure", b"PRESSURE"))  # DuckDB writes no such file itself
    with pytest.raises(DataError, match="columns 1 and 2 have the same name, but for upper and lower case"):
        read_columns(path, [Variable(name="pressure", type="number")])


def test_a_nested_column_of_a_parquet_file_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    nested = "SELECT 1.0 AS x, {'a': 1, 'b': [{'c': 2}]} AS s, [1, 2] AS l, 3 AS z"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({nested}) TO '{path}' (FORMAT parquet)")
    with open_file(path) as file:
        assert file.names == ("x", "s", "l", "z")


def test_the_first_row_of_a_file_without_a_header_is_not_listed_as_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Muller-1950,HIV-A,0.09\nHuber-1951,HIV-B,0.07\n", encoding="ascii")
    with pytest.raises(DataError) as caught:
        split(path, "hospital", tmp_path / "sites")
    assert "Is the first line the column names?" in str(caught.value)
    assert not any(cell in str(caught.value) for cell in ("Muller", "HIV", "0.09"))
