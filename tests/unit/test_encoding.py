"""A file that is not in UTF-8 is told by line, byte and column, so that its first foreign letter can be found and mended."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from site_node.data import encoding
from site_node.data.encoding import Undecodable, first_undecodable
from site_node.data.reading import read_columns
from tests.unit.bad_data import FACTOR, fault, written


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_the_first_foreign_byte_is_found_whatever_ends_the_lines_and_however_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, chunk: int
) -> None:
    monkeypatch.setattr(encoding, "_CHUNK", max(chunk, 4))
    lines = ["s,t,x", "é,b,1", '"a, é",c,2'.encode().decode(), "a,caf\udce9,3", "\udce9,b,4"]
    path = written(tmp_path, end.join(lines).encode("utf-8", errors="surrogateescape"))
    assert first_undecodable(path) == Undecodable(line=4, byte=6, column=2)


@given(st.text(min_size=1, max_size=60))
def test_what_is_in_utf8_has_no_such_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    content = text.encode("utf-8", errors="ignore") or b"x"
    assert first_undecodable(written(tmp_path_factory.mktemp("text"), content)) is None


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.binary(min_size=1, max_size=3))
def test_it_is_found_where_python_finds_it(tmp_path_factory: pytest.TempPathFactory, text: str, more: bytes) -> None:
    content = text.encode() + more + text.encode()
    found = first_undecodable(written(tmp_path_factory.mktemp("bytes"), content))
    try:
        content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        assert found is not None
        assert (found.line, found.byte) == (before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
    else:
        assert found is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "s,x\na,1\nm\u00fcde,2\n",
            "line 3 is not in UTF-8. The first byte that cannot be: byte 2 of line 3, in column 1.",
        ),
        (
            "x,gr\u00f6\u00dfe\n1,2\n",
            "its header is not in UTF-8. The first byte that cannot be: byte 5 of line 1, in column 2.",
        ),
    ],
)
def test_the_place_and_the_command_that_converts_the_file_are_said(tmp_path: Path, content: str, says: str) -> None:
    error = fault(read_columns, written(tmp_path, content.encode("latin-1")), [FACTOR])
    assert error.message == says
    assert "iconv -f WINDOWS-1252 -t UTF-8" in error.remedy
