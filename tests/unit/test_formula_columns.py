"""Column names and order are those of R's model.matrix under treatment contrasts."""

import pytest
from pydantic import TypeAdapter

from shared.dictionary import Dictionary, Variable
from shared.errors import FormulaError
from shared.formula.columns import MOST_COLUMNS, design_columns
from shared.formula.expressions import (
    Arithmetic,
    Column,
    Comparison,
    LevelFactor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    TruthFactor,
    VariableRef,
)
from shared.formula.grammar import parse
from shared.formula.meaning import LARGEST, expression
from shared.formula.terms import expand

KNOWN = Dictionary(
    variables=(
        Variable(name="x", type="number"),
        Variable(name="z", type="integer"),
        Variable(name="age", type="integer"),
        Variable(name="a", type="factor", levels=("1", "2")),
        Variable(name="b", type="factor", levels=("1", "2", "3")),
        Variable(name="c", type="factor", levels=("p", "q"), reference="q"),
        Variable(name="one", type="factor", levels=("only",)),
        Variable(name="many", type="factor", levels=tuple(map(str, range(60)))),
        Variable(name="more", type="factor", levels=tuple(map(str, range(60)))),
        Variable(name="patient", type="group"),
    )
)


def columns(right: str) -> tuple[Column, ...]:
    return design_columns(expand(parse(f"y ~ {right}").right), KNOWN)


@pytest.mark.parametrize(
    ("right", "names"),
    [
        ("1", "(Intercept)"),
        ("0", ""),
        ("b", "(Intercept)|b2|b3"),
        ("0 + b", "b1|b2|b3"),
        ("c", "(Intercept)|cp"),
        ("0 + c", "cq|cp"),
        ("0 + a + b", "a1|a2|b2|b3"),
        ("0 + x + a", "x|a1|a2"),
        ("0 + x:a", "x:a1|x:a2"),
        ("0 + x", "x"),
        ("a*b", "(Intercept)|a2|b2|b3|a2:b2|a2:b3"),
        ("0 + a*b", "a1|a2|b2|b3|a2:b2|a2:b3"),
        ("a:b", "(Intercept)|a1:b1|a2:b1|a1:b2|a2:b2|a1:b3|a2:b3"),
        ("0 + a:b", "a1:b1|a2:b1|a1:b2|a2:b2|a1:b3|a2:b3"),
        ("a + a:b", "(Intercept)|a2|a1:b2|a2:b2|a1:b3|a2:b3"),
        ("a/b", "(Intercept)|a2|a1:b2|a2:b2|a1:b3|a2:b3"),
        ("b + a:b", "(Intercept)|b2|b3|b1:a2|b2:a2|b3:a2"),
        ("a/x", "(Intercept)|a2|a1:x|a2:x"),
        ("a:x", "(Intercept)|a1:x|a2:x"),
        ("x + a:x", "(Intercept)|x|x:a2"),
        ("x*b", "(Intercept)|x|b2|b3|x:b2|x:b3"),
        ("a:b + a:c", "(Intercept)|a1:b1|a2:b1|a1:b2|a2:b2|a1:b3|a2:b3|a1:cp|a2:cp"),
        ("age + I(age^2)", "(Intercept)|age|I(age^2)"),
        ("I(age - 11) + log(x/2) + log(x / 2)", "(Intercept)|I(age - 11)|log(x/2)"),
        ("I(z>2)", "(Intercept)|I(z > 2)TRUE"),
        ("age == 3", "(Intercept)|age == 3TRUE"),
        ("0 + (age > 3)", "age > 3FALSE|age > 3TRUE"),
        ("b == '2'", '(Intercept)|b == "2"TRUE'),
        ("I(z > 2) * a", "(Intercept)|I(z > 2)TRUE|a2|I(z > 2)TRUE:a2"),
        ("x:z", "(Intercept)|x:z"),
        ("`x` + x", "(Intercept)|x"),
        ("I(-x * 2)", "(Intercept)|I(-x * 2)"),
    ],
)
def test_names_and_order_are_those_of_model_matrix(right: str, names: str) -> None:
    assert "|".join(column.name for column in columns(right)) == names


def test_a_column_is_the_product_of_its_factors() -> None:
    square = Arithmetic("^", VariableRef("x"), Number(2.0))
    column = columns("I(x^2) * b")[-1]
    assert column == Column("I(x^2):b3", (NumericFactor(square), LevelFactor("b", "3")))


def test_a_comparison_is_a_factor_of_two_levels() -> None:
    above = Comparison(">", VariableRef("z"), Number(2.0))
    assert columns("I(z > 2)")[1].factors == (TruthFactor(above, value=True),)
    assert columns("b != '3'")[1].factors == (TruthFactor(LevelTest("!=", "b", "3"), value=True),)


def test_an_expression_keeps_its_order_of_evaluation() -> None:
    x, two = VariableRef("x"), Number(2.0)
    read = expression(parse("-x^2 - (x - 2) / 2 + 2 ~ 1").response, KNOWN)
    quotient = Arithmetic("/", Arithmetic("-", x, two), two)
    assert read == Arithmetic("+", Arithmetic("-", Negative(Arithmetic("^", x, two)), quotient), two)


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ("nothing", "no such variable"),
        ("patient", "never leave a site"),
        ("log(a)", "a factor is no number"),
        ("one", "one level"),
        ("many * more", f"more than {MOST_COLUMNS} columns"),
        ("site", "grouping factor"),
    ],
)
def test_what_cannot_be_a_column_is_refused(right: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as caught:
        columns(right)
    assert caught.value.where
    assert caught.value.remedy


def test_the_largest_expression_survives_the_wire() -> None:
    column = columns("I(" + "+".join(["x"] * (LARGEST - 1)) + ")")[1]
    wire = TypeAdapter(Column)
    assert wire.validate_json(wire.dump_json(column)) == column
