"""A file that is no table is told by its name and line, with what to do, in seconds and in little memory."""

import gzip
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from site_node.cli import app
from site_node.data.long_lines import LONGEST_LINE
from site_node.data.reading import read_columns
from tests.unit.bad_data import DICTIONARY, GROUP, NUMBER, asked, checked, fault, prepared, site, written

LATIN, WIDE = "s,x\né,1\n", "x,y\n1,2\n"
FILES: list[tuple[str, bytes, str]] = [
    ("an empty file", b"", "the file is empty."),
    ("a header only", b"x,s,k,g\n", "the file has a header and no rows."),
    ("a header without a line end", b"x,s,k,g", "the file has a header and no rows."),
    ("blank lines only", b"\n\n\n", "its first line holds no column names."),
    ("a byte order mark only", b"\xef\xbb\xbf", "its first line holds no column names."),
    ("latin-1 in a row", LATIN.encode("latin-1"), "line 2 is not in UTF-8."),
    ("latin-1 in the header", "x,é\n1,2\n".encode("latin-1"), "its header is not in UTF-8."),
    ("UTF-16 with a mark", WIDE.encode("utf-16"), "it seems to be in UTF-16."),
    ("UTF-16 without a mark", WIDE.encode("utf-16-le"), "it seems to be in UTF-16."),
    ("UTF-16, the other way round", WIDE.encode("utf-16-be"), "it seems to be in UTF-16."),
    ("a NUL byte in the header", b"x\0,y\n1,2\n", "holds bytes that no text in UTF-8 has"),
    ("zeros at the end", b"x,s\n1,a\n" + b"\0" * 500, "line 3 has fewer fields than the header."),
    ("gzip", gzip.compress(b"x,s\n1,a\n" * 99), "compressed by gzip"),
    ("a truncated gzip", gzip.compress(b"x,s\n1,a\n" * 99)[:-9], "compressed by gzip"),
    ("a spreadsheet", b"PK\x03\x04" + b"\0" * 99, "a zip archive or a spreadsheet"),
    ("semicolons and decimal commas", b"x;s\n1,5;a\n", "it seems to be separated by semicolons"),
    ("a decimal comma", b"x,s\n1,5,a\n", "line 2 has more fields than the header."),
    ("too few fields", b"x,s\n1,a\n1\n", "line 3 has fewer fields than the header. The last is number 1 of 2."),
    (
        "far too many fields",
        b"x,s\n1,a\n1,a,2,3,4\n",
        "line 3 has more fields than the header. The first too many is number 3.",
    ),
    ("vertical bars", b"x|s\n1|a\n", "it seems to be separated by vertical bars"),
    ("semicolons behind a byte order mark", b"\xef\xbb\xbfx;s\n1;a\n", "it seems to be separated by semicolons"),
    ("a last line that is cut off", b"x,s\n1,a\n1", "line 3 has fewer fields than the header."),
    ("a quote that does not close", b'x,s\n1,"a\n1,b\n', "line 2 has a quote that does not close"),
    ("text behind a closing quote", b'x,s\n1,"a"b\n', "text behind a closing quote"),
    ("a quote in the header", b'x,"s\n1,a\n', "is there a quote that does not close?"),
    ("line ends of two kinds", b"x,s\n1,a\r\n1,b\n", "its lines do not all end in the same way."),
    ("the same name twice", b"x,x\n1,2\n", "columns 1 and 2 have the same name."),
    (
        "names that differ in case",
        b"x,s,X\n1,a,2\n",
        "columns 1 and 3 have the same name, but for upper and lower case.",
    ),
    ("a long last line", b"x,s\n1,a\n1," + b"a" * 33_000_000, "line 3 is longer than 2,000,000 bytes."),
    ("a long line between others", b"x,s\r\n1," + b"a" * 3_000_000 + b"\r\n1,a\r\n", "line 2 is longer than"),
    ("a long header", b"x," + b"a" * 3_000_000, "line 1 is longer than 2,000,000 bytes."),
    ("a long line of many quoted ones", b'x,s\n1,"' + b"a\n" * 2_000_000 + b'"\n', "line 2 is longer than"),
]


@pytest.mark.parametrize(("content", "says"), [(c, s) for _, c, s in FILES], ids=[name for name, _, _ in FILES])
def test_a_file_that_cannot_be_read_is_told_by_its_name_at_check_and_at_prepare(
    tmp_path: Path, content: bytes, says: str
) -> None:
    home = site(tmp_path, content)
    error = fault(read_columns, home / "data.csv", DICTIONARY.variables[:2])
    assert says in error.message
    assert error.where == "data.csv"
    code, output = checked(home)
    assert code == 2
    assert says in output
    answer, _ = prepared(home, asked("x ~ s"))
    assert answer.status_code == 422
    assert says in answer.json()["message"]


@pytest.mark.parametrize("command", ["split", "init"])
@pytest.mark.parametrize(
    ("content", "says"),
    [(c, s) for _, c, s in FILES if b"k,g" not in c],
    ids=[n for n, c, _ in FILES if b"k,g" not in c],
)
def test_a_file_that_cannot_be_read_makes_no_federation(
    tmp_path: Path, command: str, content: bytes, says: str
) -> None:
    path, new = str(written(tmp_path, content)), str(tmp_path / "new")
    options = {"split": [path, "--by", "s", "--out", new], "init": [new, "--data", path, "--name", "A"]}
    done = CliRunner().invoke(app, [command, *options[command]])
    assert done.exit_code == 2
    assert says in done.stderr
    assert not Path(new).exists(), "nothing was written"


def test_a_folder_a_file_that_is_not_there_and_one_without_permission_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "(Is a directory)" in fault(read_columns, tmp_path, [NUMBER]).message
    assert "there is no such file" in fault(read_columns, tmp_path / "none.csv", [NUMBER]).message
    path = written(tmp_path, b"x\n1\n")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    error = fault(read_columns, path, [NUMBER])
    assert error.message == "the file cannot be read (Permission denied)."
    assert error.where == str(path)


def test_a_parquet_file_that_is_cut_off_or_is_called_csv_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    with duckdb.connect() as connection:
        connection.sql("SELECT i AS x FROM range(1000) t(i)").write_parquet(str(path))
    whole = path.read_bytes()
    for size in (1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "it is damaged, cut off or no Parquet" in fault(read_columns, path, [NUMBER]).message
    error = fault(read_columns, written(tmp_path, whole), [NUMBER])
    assert error.message == "the file is a Parquet file, and its name says CSV."


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (b"x,y\r\n1,a\r\n2.5,b\r\n", [1, 2.5]),
        (b"x,y\r1,a\r2.5,b\r", [1, 2.5]),
        (b"\xef\xbb\xbfx,y\n1,a\n2.5,b", [1, 2.5]),
        (b'"x","y"\n"1","a\nb"\n"2.5",b\n', [1, 2.5]),
        (b"x,y\n1,a,\n2.5,b,\n", [1, 2.5]),
        (b"x,y\n1,a\n\n2.5,b\n", [1, 2.5]),
        (b"y,x\na,nan\n,NA\nb,NaN\n\xe9,\n", [np.nan] * 4),
        ("x,y\n 1 ,é\n+2.5,ü\n.5,\n1E-3,\n".encode(), [1, 2.5, 0.5, 0.001]),
        (b"x\n9007199254740991\n", [2.0**53 - 1]),
        (b"x\n7\n", [7]),
    ],
    ids=[
        "CRLF",
        "CR",
        "byte order mark",
        "quotes",
        "commas at line ends",
        "blank line",
        "missing",
        "spellings",
        "2^53-1",
        "one row",
    ],
)
def test_what_has_one_meaning_is_read_with_it(tmp_path: Path, content: bytes, numbers: list[float]) -> None:
    read = read_columns(written(tmp_path, content), [NUMBER]).numbers["x"]
    np.testing.assert_array_equal(read, numbers)


MEASURED = """
import resource, sys, time
from pathlib import Path
from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.reading import read_columns
megabytes = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began = megabytes(), time.process_time()
try:
    read_columns(Path(sys.argv[1]), [Variable(name="x", type="number")])
except DataError as error:
    print(megabytes() - before, time.process_time() - began, error.message, sep="|")
"""


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        (b"", "its header holds bytes that no text in UTF-8 has: it seems to be in UTF-16."),
        (b"x,y\n1,", "line 2 is longer than 2,000,000 bytes."),
        (b'x,y\n1,"', "line 2 is longer than 2,000,000 bytes."),
    ],
)
def test_a_line_of_half_a_gigabyte_takes_seconds_and_little_memory(tmp_path: Path, begin: bytes, says: str) -> None:
    path = written(tmp_path, begin)
    with path.open("r+b") as file:
        file.truncate(2**29)  # zeros that take no place on the disk
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=True, timeout=60
    )
    grown, seconds, message = done.stdout.strip().split("|")
    assert message == says
    assert float(grown) < 128
    assert float(seconds) < 10


@given(st.lists(st.integers(0, 3 * LONGEST_LINE), max_size=6), st.sampled_from([b"\n", b"\r", b"\r\n"]))
@settings(max_examples=20, deadline=None)
def test_a_line_is_long_exactly_when_it_is_longer_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], end: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("long"), b"g" + end + b"".join(b"a" * n + end for n in lengths))
    longest = max([0, *lengths])
    if longest > LONGEST_LINE:
        first = next(k for k, n in enumerate(lengths) if n > LONGEST_LINE) + 2
        assert f"line {first} is longer than" in fault(read_columns, path, [GROUP]).message
    elif lengths:
        assert read_columns(path, [GROUP]).rows == len(lengths)
