"""How a text file ends its lines, and whether it begins with a byte order mark, changes nothing of what is read."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from site_node.data.inference import infer
from site_node.data.reading import read_columns
from site_node.data.split import split

ROWS = "hospital,y,arm,x\n" + "".join(f"h{k % 2},{k % 3},{'ab'[k % 5 > 2]},{k / 7}\n" for k in range(40)) + "h0,,,\n"
FORMS = [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-8", "\r")]


def written(path: Path, encoding: str = "utf-8", newline: str = "\n") -> Path:
    path.write_text(ROWS, encoding=encoding, newline=newline)
    return path


@pytest.mark.parametrize(("encoding", "newline"), FORMS)
def test_a_byte_order_mark_and_other_line_ends_change_nothing_of_what_a_site_reads(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    plain, other = written(tmp_path / "plain.csv"), written(tmp_path / "other.csv", encoding, newline)
    assert plain.read_bytes() != other.read_bytes()
    dictionary = infer(plain).dictionary
    assert infer(other).dictionary == dictionary
    assert {variable.type for variable in dictionary.variables} == {"number", "integer", "factor"}
    found, expected = (asdict(read_columns(path, dictionary.variables)) for path in (other, plain))
    np.testing.assert_equal(found, expected)


@pytest.mark.parametrize(("encoding", "newline"), FORMS)
def test_a_byte_order_mark_and_other_line_ends_change_nothing_of_the_federation_that_a_file_is_split_into(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    files = []
    for folder, path in [
        ("one", written(tmp_path / "plain.csv")),
        ("two", written(tmp_path / "other.csv", encoding, newline)),
    ]:
        split(path, "hospital", tmp_path / folder)
        files.append(
            {file.relative_to(tmp_path / folder): file.read_bytes() for file in (tmp_path / folder).rglob("*.*")}
        )
    assert len(files[0]) == 3
    assert files[0] == files[1]
