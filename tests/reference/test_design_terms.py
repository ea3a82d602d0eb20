"""Polynomials, splines, scaling and contrasts with agreed constants: names and values are those of R's model.matrix."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from shared.dictionary import Dictionary, read_dictionary
from shared.formula.columns import design_columns
from shared.formula.grammar import parse
from shared.formula.terms import expand
from site_node.data.columns import finite_column
from site_node.data.table import Table

HERE = Path(__file__).parent / "design_terms"
DICTIONARY = read_dictionary(HERE / "dictionary.json")
TERMS = json.loads((HERE / "terms.json").read_text())
CLOSE = 1e-12


def rows(dictionary: Dictionary) -> Table:
    with (HERE / "rows.csv").open(newline="") as lines:
        read = list(csv.DictReader(lines))
    cells = {variable: [row[variable.name] for row in read] for variable in dictionary.variables}
    return Table(
        len(read),
        {v.name: np.array(cells[v], dtype=float) for v in cells if v.type == "number"},
        {
            v.name: np.array([v.coded_levels.index(cell) for cell in cells[v]], dtype=np.int32)
            for v in cells
            if v.type == "factor"
        },
        {},
    )


ROWS = rows(DICTIONARY)


@pytest.mark.parametrize("right", TERMS)
def test_columns_are_those_of_r(right: str) -> None:
    columns = design_columns(expand(parse(f"y ~ {right}").right), DICTIONARY)
    assert [column.name for column in columns] == list(TERMS[right])
    for column, values in zip(columns, TERMS[right].values(), strict=True):
        np.testing.assert_allclose(
            finite_column(column, ROWS, DICTIONARY), values, rtol=CLOSE, atol=CLOSE * np.abs(values).max()
        )


@pytest.mark.parametrize("right", TERMS)
def test_a_bar_has_the_columns_that_a_fixed_part_has(right: str) -> None:
    (bar,) = expand(parse(f"y ~ ({right} | g)").right).bars
    assert [column.name for column in design_columns(bar.terms, DICTIONARY)] == list(TERMS[right])


@pytest.mark.parametrize("right", TERMS)
def test_sites_that_lack_levels_and_values_have_the_same_columns(right: str) -> None:
    """Each site has one level of a factor, and so other rows, ranges and means."""
    whole = design_columns(expand(parse(f"y ~ {right}").right), DICTIONARY)
    for level in range(3):
        here = np.flatnonzero(ROWS.codes["f"] == level)
        for column in whole:
            at_site = finite_column(column, ROWS.select(here), DICTIONARY)
            np.testing.assert_array_equal(at_site, finite_column(column, ROWS, DICTIONARY)[here])
