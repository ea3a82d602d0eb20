"""Claims about reading a site's data file."""

import math
import os
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.reading import read_columns
from site_node.data.sources import FileSource, fingerprint
from site_node.data.table import Table

PATIENT = "Mrs-Smith-1951"

NUMBER = Variable(name="x", type="number")
INTEGER = Variable(name="k", type="integer")
FACTOR = Variable(name="arm", type="factor", levels=("drug", "placebo"), reference="placebo")
GROUP = Variable(name="clinic", type="group")

CSV = """\
"x",k,arm,clinic,unread
0.1,1,drug,b,?
NA,2,placebo,a,?
-1.5e3,NaN,NA,b,?
18.440000000000001,4,placebo,,?
nan,5,"drug",NULL,?
"""


def written(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_parquet(csv: Path) -> Path:
    """The same columns with Parquet's own types, NaN standing for one of the missing numbers."""
    path = csv.with_suffix(".parquet")
    duckdb.sql(
        f"COPY (SELECT coalesce(x, 'nan'::DOUBLE) AS x, k, arm, clinic FROM read_csv('{csv}', "  # noqa: S608 -- a test's own path
        "nullstr = ['NA', 'NaN', 'nan', 'NULL', ''], types = {'x': 'DOUBLE', 'k': 'BIGINT'})) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return path


def same(one: Table, other: Table) -> bool:
    return all(
        mine.keys() == theirs.keys()
        and all(np.array_equal(mine[k], theirs[k], equal_nan=k in {"x", "k"}) for k in mine)
        for mine, theirs in (
            (one.numbers, other.numbers),
            (one.codes, other.codes),
            (one.groups, other.groups),
        )
    )


def test_a_csv_file_becomes_numbers_codes_and_group_numbers(tmp_path: Path) -> None:
    table = read_columns(written(tmp_path, CSV), [NUMBER, INTEGER, FACTOR, GROUP])
    np.testing.assert_array_equal(table.numbers["x"], [0.1, np.nan, -1500.0, 18.440000000000001, np.nan])
    np.testing.assert_array_equal(table.numbers["k"], [1, 2, np.nan, 4, 5])
    assert table.codes["arm"].tolist() == [1, 0, -1, 0, 1], "the reference is coded 0"
    assert table.codes["arm"].dtype == np.int32
    assert table.groups["clinic"].tolist() == [1, 0, 1, -1, -1]
    assert table.groups["clinic"].dtype == np.int64
    assert table.missing("arm").tolist() == [False, False, True, False, False]


def test_csv_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    csv = written(tmp_path, CSV)
    variables = [NUMBER, INTEGER, FACTOR, GROUP]
    assert same(read_columns(csv, variables), read_columns(as_parquet(csv), variables))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(deadline=None)
def test_every_float_survives_a_csv_file(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = written(tmp_path_factory.mktemp("floats"), "x\n" + "".join(f"{value!r}\n" for value in values))
    assert read_columns(path, [NUMBER]).numbers["x"].tolist() == values


@pytest.mark.parametrize("folder", ["a b", "it's", "[1]", "*"])
def test_a_path_is_a_path_and_no_pattern(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    assert read_columns(written(tmp_path / folder, "x\n1\n"), [NUMBER]).rows == 1


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (f"x\n1\n{PATIENT}\n", "bad_value", "column `x`: row 2 holds something that is not a finite number."),
        ("x\ninf\n", "bad_value", "row 1 holds something that is not a finite number."),
        ("x\n1_000\n", "bad_value", "row 1 holds something that is not a finite number."),
        ("x\n1e999\n", "bad_value", "row 1 holds something that is not a finite number."),
        ("y\n1\n", "no_column", "there is no column `x` among the 1 columns."),
        ("X,z\n1,2\n", "no_column", "there is no column `x` among the 2 columns."),
        ("x,x\n1,2\n", "data", "columns 1 and 2 have the same name."),
        (f"{PATIENT},{PATIENT}\n1,2\n", "data", "columns 1 and 2 have the same name."),
        ("x;y\n1,5;2\n", "data", "it seems to be separated by semicolons"),
        ("x;y, in kg;z\n1;2;3\n", "data", "it seems to be separated by semicolons"),
        ("x\ty\n1\t2\n", "data", "it seems to be separated by tabs"),
        ("", "data", "the file is empty."),
        ("x\n", "data", "the file has a header and no rows."),
        ("x", "data", "the file has a header and no rows."),
        (f"x,y\n1,2\n1,{PATIENT},3\n", "data", "line 3 has more fields than the header."),
        (f"x,y\n{PATIENT}\n", "data", "line 2 has fewer fields than the header."),
        (f'x,y\n1,"{PATIENT}\n', "data", "line 2 has a quote that does not close"),
    ],
)
def test_a_bad_csv_file_is_refused_without_quoting_it(tmp_path: Path, content: str, code: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read_columns(written(tmp_path, content), [NUMBER])
    assert says in str(caught.value)
    assert caught.value.code == code
    assert caught.value.remedy
    assert PATIENT not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_to_a_specification_that_reads_a_column_which_is_not_there_the_others_are_not_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_columns(written(tmp_path, f"{PATIENT},z\n1,2\n"), [NUMBER])
    assert PATIENT not in str(caught.value)


@pytest.mark.parametrize("content", [b"x,\xe9t\xe9\n1,2\n", b"x,y\n\xe9t\xe9,1\n", b"x\n" + b"1\n" * 9 + b"\xff\xfe\n"])
def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="UTF-8"):
        read_columns(written(tmp_path, content), [NUMBER])


def test_a_file_that_is_not_there_or_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_columns(tmp_path / "nowhere.csv", [NUMBER])
    with pytest.raises(DataError, match="cannot be read"):
        read_columns(written(tmp_path, CSV, "data.parquet"), [NUMBER])


def test_a_level_that_the_dictionary_lacks_is_named_by_row_and_never_by_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column `arm`: row 2 holds a level that the dictionary lacks") as caught:
        read_columns(written(tmp_path, f"arm\ndrug\n{PATIENT}\n"), [FACTOR])
    assert PATIENT not in str(caught.value)


def test_an_integer_with_a_fraction_and_a_value_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3 holds a fraction"):
        read_columns(written(tmp_path, "k\n1\nNA\n2.5\n"), [INTEGER])
    with pytest.raises(DataError, match="row 2 holds a value outside the dictionary's range"):
        read_columns(written(tmp_path, "x\n1\n11\n"), [Variable(name="x", type="number", range=(0, 10))])


def test_an_infinite_number_in_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    duckdb.sql(f"COPY (SELECT unnest([1.0, 'inf'::DOUBLE]) AS x) TO '{path}' (FORMAT parquet)")
    with pytest.raises(DataError, match="row 2 holds something that is not a finite number"):
        read_columns(path, [NUMBER])


def test_only_the_columns_that_are_asked_for_must_make_sense(tmp_path: Path) -> None:
    assert read_columns(written(tmp_path, CSV), [NUMBER]).rows == 5, "`unread` holds no numbers"


def test_a_fingerprint_depends_on_every_byte_and_on_the_secret(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)
    first = fingerprint(path, b"secret")
    assert fingerprint(path, b"secret") == first
    assert fingerprint(path, b"another") != first
    assert fingerprint(written(tmp_path, CSV + "\n"), b"secret") != first
    assert len(first) == 64


def test_a_source_hashes_again_when_the_file_changes_and_hides_its_secret(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)
    source = FileSource(path, b"secret")
    assert source.fingerprint() == fingerprint(path, b"secret")
    written(tmp_path, CSV + "1,1,drug,a,?\n")
    assert source.fingerprint() == fingerprint(path, b"secret")
    assert "secret" not in repr(source)
    path.unlink()
    with pytest.raises(DataError, match="not there"):
        source.fingerprint()


def test_a_change_is_found_also_when_size_and_time_of_modification_are_put_back(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)
    source, before = FileSource(path, b"secret"), path.stat()
    first = source.fingerprint()
    written(tmp_path, CSV.replace("0.1", "0.2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert source.fingerprint() != first


def test_row_order_is_the_files_also_in_a_large_file(tmp_path: Path) -> None:
    values = list(range(300_000))
    path = written(tmp_path, "k,clinic\n" + "".join(f"{value},c{value % 7}\n" for value in values))
    table = read_columns(path, [INTEGER, GROUP])
    assert table.numbers["k"].tolist() == values
    assert table.groups["clinic"][:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert math.isclose(table.groups["clinic"].sum(), sum(value % 7 for value in values))
