"""A formula error shows the formula and a caret below the place that it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.client.marking import CUT, WIDEST, MarkedFormulaError, marked
from shared.errors import FormulaError
from shared.formula.grammar import parse
from shared.formula.syntax import place, position_in

LINE = "death ~ treatment + poly(age) + (1 | site)"


def caret_of(shown: str) -> str:
    """The character above the caret."""
    line, caret = shown.split("\n")
    return line[len(caret) - 1]


def test_the_caret_stands_below_the_place() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("death ~ treatment + + age)")
    error = MarkedFormulaError(caught.value, "death ~ treatment + + age)")
    first, line, caret = str(error).split("\n")
    assert first == str(caught.value)
    assert line == "    death ~ treatment + + age)"
    assert line[len(caret) - 1] == ")"
    assert (error.where, error.code, error.formula) == (caught.value.where, "formula", line.strip())


@given(st.integers(0, 3999), st.integers(1, 4000))
def test_whatever_the_length_the_caret_is_below_its_character(position: int, length: int) -> None:
    formula = "".join(chr(ord("a") + k % 26) for k in range(max(length, position + 1)))
    shown = marked(formula, place(position, formula[position]))
    assert caret_of(shown) == formula[position]
    assert max(map(len, shown.split("\n"))) <= 4 + WIDEST + 2 * len(CUT)


def test_the_end_of_a_formula_is_a_place() -> None:
    assert marked("y ~", place(3, "the end")) == "    y ~\n       ^"


def test_of_several_lines_the_one_with_the_place_is_shown() -> None:
    formula = "death ~\n\ttreatment +\n  oops"
    assert marked(formula, place(formula.index("oops"), "oops")) == "      oops\n      ^"
    assert marked(formula, place(formula.index("treat"), "treatment")) == "     treatment +\n     ^"


@pytest.mark.parametrize("where", ["", "formula", "formula, `(1 | x)`", "formula, character 99, at `x`", "sites[0]"])
def test_without_a_place_in_the_formula_nothing_is_marked(where: str) -> None:
    assert marked(LINE, where) == ""
    assert "\n" not in str(MarkedFormulaError(FormulaError("no.", where=where), LINE))


@given(st.integers(0, 10**6), st.text(max_size=60))
def test_a_place_is_read_as_it_is_written(position: int, text: str) -> None:
    assert position_in(place(position, text)) == position
