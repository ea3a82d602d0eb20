"""A design that is read a few columns at a time is the design of the whole table, in little more memory than its own."""

import tracemalloc
from dataclasses import astuple
from pathlib import Path

import duckdb
import numpy as np
import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import DataError
from shared.formula.expressions import variables_of
from shared.request import AnalysisRequest
from shared.specification import Specification
from site_node.data import reading
from site_node.data.batches import batches, names_read, variables_in
from site_node.data.design import build
from site_node.data.reading import open_columns, read_columns
from site_node.data.rows_at_fault import RowError
from site_node.data.sources import FileSource

N = 2_000
DICTIONARY = Dictionary(
    variables=(
        *(Variable(name=f"x{j}", type="number") for j in range(6)),
        Variable(name="arm", type="factor", levels=("a", "b", "c")),
        Variable(name="y", type="integer"),
        Variable(name="w", type="number"),
        Variable(name="g", type="group"),
        Variable(name="h", type="number"),
    )
)
FORMULAS = (
    "y ~ x0 + x1 * arm + x2:x3 + offset(log(1 + abs(x4))) + (1 + x0 + x5 | g)",
    "y ~ x0 + x1 + x2 + x3 + x4 + x5 + (1 | h)",
    "y ~ x0 + x1 + x2 + (1 | arm)",
    "x0 ~ arm + x1 + x2 + (1 | site)",
    "y ~ x0 + x1 + x2",
    "y ~ 1",
)


def specification(formula: str, **settings: str) -> Specification:
    family = "gaussian" if formula.startswith("x") else "binomial"
    return resolve(
        AnalysisRequest.model_validate({"formula": formula, "family": family} | settings), DICTIONARY, ("A",)
    )


def data(folder: Path, suffix: str) -> Path:
    """A file with a few values missing, whose groups are not in order."""
    rng = np.random.default_rng(5)
    columns: dict[str, np.ndarray] = {f"x{j}": rng.normal(size=N) for j in range(6)}
    columns["x3"][rng.integers(0, N, 30)] = np.nan
    columns |= {"arm": rng.choice(["a", "b", "c"], N), "y": rng.integers(0, 2, N), "w": rng.integers(0, 3, N)}
    columns |= {"g": rng.integers(0, 300, N), "h": rng.choice([2.5, -1.0, 7.0], N)}
    path = folder / f"data.{suffix}"
    with duckdb.connect() as connection:
        connection.register("given", columns)
        connection.execute(f"COPY given TO '{path}'")
    return path


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 1)
    monkeypatch.setattr(reading, "LARGE_CSV", 0)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("settings", [{}, {"weights": "w"}])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_design_has_the_same_bits_however_its_columns_are_read(
    tmp_path: Path, formula: str, settings: dict[str, str], suffix: str
) -> None:
    asked, path = specification(formula, **settings), data(tmp_path, suffix)
    expected = build(asked, DICTIONARY, read_columns(path, variables_in(asked, DICTIONARY)))
    with open_columns(path) as columns:
        made = build(asked, DICTIONARY, columns)
    for mine, theirs in zip(astuple(made.rows), astuple(expected.rows), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (made.counts, made.dropped) == (expected.counts, expected.dropped)
    assert (made.dropped > 0) == ("x3" in formula)


@pytest.mark.parametrize("at_once", [1, 2, 4, 100])
@pytest.mark.parametrize("formula", FORMULAS)
def test_every_column_is_in_one_batch_with_all_that_it_reads(formula: str, at_once: int) -> None:
    asked = specification(formula, weights="w")
    made = batches(asked, DICTIONARY, at_once)
    columns = [column for batch in made for column in batch.columns]
    assert sorted(column.name for column in columns) == sorted(
        {column.name for column in asked.fixed + tuple(column for term in asked.random for column in term.columns)}
    )
    for batch in made:
        names = {variable.name for variable in batch.variables}
        read = [frozenset().union(*map(variables_of, column.factors)) for column in batch.columns]
        assert all(one <= names for one in read)
        assert len(names) <= at_once or batch is made[0] or names in read
    assert names_read(asked) <= {variable.name for batch in made for variable in batch.variables}


@pytest.mark.usefixtures("in_parts")
def test_a_row_is_told_by_its_number_in_the_file_also_in_a_later_part(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    lines = [f"{k},1,{5 - k % 3},{k % 2}" for k in range(1, 40)]
    lines[3], lines[30] = "NA,1,1,0", "31,-2,1,0"
    path.write_text("x0,x1,g,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with open_columns(path) as columns, pytest.raises(RowError) as caught:
        build(specification("y ~ x0 + log(x1) + (1 | g)"), DICTIONARY, columns)
    assert caught.value.row == 31
    path.write_text(path.read_text(encoding="utf-8").replace("-2", "two"), encoding="utf-8")
    with open_columns(path) as columns, pytest.raises(DataError, match="column `x1`: row 31 holds") as told:
        build(specification("y ~ x0 + log(x1) + (1 | g)"), DICTIONARY, columns)
    assert told.value.code == "bad_value"


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("left", [b"", b"x0,x1\n1,2\n"])
def test_data_that_change_between_two_readings_are_never_mixed(tmp_path: Path, suffix: str, left: bytes) -> None:
    path = data(tmp_path, suffix)
    whole = path.read_bytes()
    with FileSource(path, b"secret").opened() as (_, columns):
        assert columns.read([DICTIONARY["x0"]]).rows == N
        for content in (left, whole):
            path.write_bytes(content)
            for act in (columns.read, columns.complete):
                with pytest.raises(DataError) as caught:
                    act([DICTIONARY["x1"]])
                assert (caught.value.code, caught.value.__cause__) == ("data_changed", None)


def test_a_design_of_a_parquet_file_takes_little_more_memory_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, p = 100_000, 20
    monkeypatch.setattr(reading, "AT_ONCE", 8 * n)
    rng, path = np.random.default_rng(1), tmp_path / "data.parquet"
    dictionary = Dictionary(
        variables=(
            *(Variable(name=f"x{j}", type="number") for j in range(p)),
            Variable(name="y", type="integer"),
            Variable(name="g", type="group"),
        )
    )
    with duckdb.connect() as connection:
        given = {f"x{j}": rng.normal(size=n) for j in range(p)}
        connection.register("given", given | {"y": rng.integers(0, 2, n), "g": rng.integers(0, 50, n)})
        connection.execute(f"COPY given TO '{path}'")
        del given
    formula = f"y ~ {' + '.join(f'x{j}' for j in range(p))} + (1 | g)"
    asked = resolve(AnalysisRequest(formula=formula, family="binomial"), dictionary, ("A",))
    tracemalloc.start()
    try:
        with open_columns(path) as columns:
            rows = build(asked, dictionary, columns).rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.25 * (rows.X.nbytes + rows.Z.nbytes)
