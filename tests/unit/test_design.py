"""Claims about how a specification and a table become a design."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dictionary import Dictionary, Variable
from shared.errors import DataError, DictionaryError
from shared.families import LINKS, FamilyName
from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Expression,
    LevelFactor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    TruthFactor,
    VariableRef,
)
from shared.optimisation.start import StartContribution
from shared.specification import CountsResponse, EventResponse, NumericResponse, RandomTerm, Specification, sha256_of
from site_node.data.batches import variables_in
from site_node.data.design import build
from site_node.data.table import Table
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.start import start_contribution

DICTIONARY = Dictionary(
    variables=(
        Variable(name="y", type="integer"),
        Variable(name="n", type="integer"),
        Variable(name="x", type="number"),
        Variable(name="w", type="number"),
        Variable(name="arm", type="factor", levels=("a", "b", "c")),
        Variable(name="status", type="factor", levels=("alive", "dead")),
        Variable(name="clinic", type="group"),
    )
)
INTERCEPT = Column("(Intercept)")
X, Y, N = VariableRef("x"), VariableRef("y"), VariableRef("n")


def table(**changes: list[float]) -> Table:
    numbers = {"y": [0, 1, 1, 0, 1, 0], "n": [2, 3, 4, 5, 6, 7], "x": [1, 2, 3, 4, 5, 6], "w": [1, 1, 1, 1, 1, 1]}
    return Table(
        6,
        {name: np.array(changes.get(name, values), dtype=float) for name, values in numbers.items()},
        {
            "arm": np.array(changes.get("arm", [0, 1, 2, 0, 1, 2]), dtype=np.int32),
            "status": np.array(changes.get("status", [0, 0, 1, 1, 0, 1]), dtype=np.int32),
        },
        {"clinic": np.array(changes.get("clinic", [2, 0, 1, 0, 2, 1]), dtype=np.int64)},
    )


def specification(family: FamilyName = "binomial", **changes: Any) -> Specification:
    settled: dict[str, Any] = {
        "formula": "y ~ x",
        "family": family,
        "link": LINKS[family][0],
        "response": NumericResponse(expression=Y),
        "fixed": (INTERCEPT, Column("x", (NumericFactor(X),))),
        "roster": ("A",),
        "dictionary_sha256": sha256_of(DICTIONARY),
        "tolerance": 1e-16,
        "max_rounds": 50,
        "confidence_level": 0.95,
    }
    return Specification(**(settled | changes))


def column(*factors: Any, data: Table | None = None) -> list[float]:
    """The values of one design column."""
    asked = specification(fixed=(INTERCEPT, Column("c", factors)))
    values: list[float] = build(asked, DICTIONARY, data or table()).rows.X[:, 1].tolist()
    return values


def test_a_design_is_columns_response_weight_and_offset() -> None:
    made = build(specification(offset=Call("log", N)), DICTIONARY, table())
    np.testing.assert_array_equal(made.rows.X, np.column_stack([np.ones(6), np.arange(1.0, 7)]))
    assert made.rows.X.flags.c_contiguous
    assert made.rows.Z.shape == (6, 0)
    assert made.rows.y.tolist() == [0, 1, 1, 0, 1, 0]
    assert made.rows.weight.tolist() == [1] * 6
    np.testing.assert_array_equal(made.rows.offset, np.log([2, 3, 4, 5, 6, 7]))
    assert made.rows.groups == 1
    assert made.dropped == 0


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Number(2.5), [2.5] * 6),
        (Negative(X), [-1, -2, -3, -4, -5, -6]),
        (Call("log2", X), np.log2([1, 2, 3, 4, 5, 6]).tolist()),
        (Call("log1p", X), np.log1p([1, 2, 3, 4, 5, 6]).tolist()),
        (Call("abs", Negative(X)), [1, 2, 3, 4, 5, 6]),
        (Arithmetic("^", X, Number(2)), [1, 4, 9, 16, 25, 36]),
        (Arithmetic("-", N, X), [1] * 6),
        (Arithmetic("/", X, Number(2)), [0.5, 1, 1.5, 2, 2.5, 3]),
        (Arithmetic("*", Arithmetic("+", X, Number(1)), Number(2)), [4, 6, 8, 10, 12, 14]),
    ],
)
def test_expressions_are_computed_row_by_row(expression: Expression, expected: list[float]) -> None:
    assert column(NumericFactor(expression)) == expected


def test_factors_and_truths_are_zeros_and_ones_and_factors_multiply() -> None:
    assert column(LevelFactor("arm", "b")) == [0, 1, 0, 0, 1, 0]
    assert column(LevelFactor("arm", "b"), NumericFactor(X)) == [0, 2, 0, 0, 5, 0]
    assert column(TruthFactor(Comparison(">", X, Number(4)), value=True)) == [0, 0, 0, 0, 1, 1]
    assert column(TruthFactor(Comparison(">", X, Number(4)), value=False)) == [1, 1, 1, 1, 0, 0]
    assert column(TruthFactor(LevelTest("!=", "arm", "a"), value=True)) == [0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    "factor",
    [
        NumericFactor(Call("log", Arithmetic("-", X, Number(1)))),
        NumericFactor(Call("sqrt", Negative(X))),
        NumericFactor(Arithmetic("/", Number(1), Arithmetic("-", X, Number(3)))),
        NumericFactor(Call("exp", Arithmetic("*", X, Number(1000)))),
        TruthFactor(Comparison(">", Call("log", Negative(X)), Number(0)), value=False),
    ],
)
def test_what_cannot_be_computed_in_every_row_is_an_error_that_names_the_column(factor: Any) -> None:
    with pytest.raises(DataError, match="column `c`: it cannot be computed") as caught:
        column(factor)
    assert caught.value.code == "not_finite"


def test_rows_with_a_missing_value_in_a_variable_of_the_model_are_dropped_and_counted() -> None:
    data = table(x=[1, np.nan, 3, 4, 5, 6], arm=[-1, 0, 0, 0, 0, 0], clinic=[0, 0, 0, -1, 0, 0])
    assert build(specification(), DICTIONARY, data).dropped == 1, "arm and clinic are not in the model"
    random = RandomTerm(group="clinic", columns=(INTERCEPT,))
    made = build(specification(random=(random,)), DICTIONARY, data)
    assert made.dropped == 2
    assert made.rows.n == 4
    with pytest.raises(DataError, match="every row has a missing value"):
        build(specification(), DICTIONARY, table(x=[np.nan] * 6))


def test_rows_are_sorted_by_an_inner_group_and_stay_in_one_group_otherwise() -> None:
    term = RandomTerm(group="clinic", columns=(INTERCEPT, Column("x", (NumericFactor(X),))))
    inner = build(specification(random=(term,)), DICTIONARY, table())
    assert inner.rows.starts.tolist() == [0, 2, 4, 6]
    assert inner.rows.X[:, 1].tolist() == [2, 4, 3, 6, 1, 5]
    np.testing.assert_array_equal(inner.rows.Z, inner.rows.X)
    assert inner.counts.groups == (3,)
    outer = build(specification(random=(term.model_copy(update={"group": "site"}),)), DICTIONARY, table())
    assert outer.rows.groups == 1
    assert outer.counts.groups == ()


@given(st.permutations(range(6)))
def test_the_design_of_a_group_does_not_depend_on_the_order_of_the_groups_rows(order: list[int]) -> None:
    term = RandomTerm(group="clinic", columns=(INTERCEPT,))
    shuffled = table().select(np.array(order))
    made, expected = (build(specification(random=(term,)), DICTIONARY, one).rows for one in (shuffled, table()))
    for first, last in zip(expected.starts[:-1], expected.starts[1:], strict=True):
        assert sorted(made.X[first:last].tolist()) == sorted(expected.X[first:last].tolist())


def test_binomial_counts_become_a_proportion_and_its_size() -> None:
    failures = Arithmetic("-", N, Y)
    made = build(specification(response=CountsResponse(successes=Y, failures=failures)), DICTIONARY, table())
    np.testing.assert_array_equal(made.rows.y, np.array([0, 1, 1, 0, 1, 0]) / np.arange(2, 8))
    assert made.rows.weight.tolist() == [2, 3, 4, 5, 6, 7]
    assert made.counts.outcomes == (3, 6), "rows with a success, and rows with a failure"
    nobody = table(y=[0, 1, 1, 0, 1, 0], n=[0, 3, 4, 5, 6, 7])
    made = build(specification(response=CountsResponse(successes=Y, failures=failures)), DICTIONARY, nobody)
    assert (made.rows.y[0], made.rows.weight[0]) == (0, 0)
    assert made.counts.rows == 5, "a row of no weight does not count"


@pytest.mark.parametrize(
    ("family", "link"), [("poisson", "log"), ("negative_binomial", "log"), ("binomial", "cloglog")]
)
def test_a_row_of_no_weight_says_nothing_however_large_its_columns_and_its_offset(
    family: FamilyName, link: str
) -> None:
    weighted = specification(family, link=link, weights="w", offset=VariableRef("n"))

    def start(x: float, offset: float) -> StartContribution:
        numbers = table(w=[0, 1, 1, 1, 1, 1], x=[x, 2, 3, 4, 5, 6], n=[offset, 3, 4, 5, 6, 7])
        model = Model(weighted.layout, REGISTRY[family, link])
        return start_contribution(build(weighted, DICTIONARY, numbers).rows, model)

    plain, huge = start(1.0, 2.0), start(-1e6, 1e6)
    for one, other in zip(plain.quadratics, huge.quadratics, strict=True):
        assert one.value == other.value
        np.testing.assert_array_equal(one.hessian, other.hessian)


def test_a_two_level_response_is_its_event_and_a_proportion_takes_its_size_from_the_weights() -> None:
    event = specification(response=EventResponse(variable="status", event="dead"))
    assert build(event, DICTIONARY, table()).rows.y.tolist() == [0, 0, 1, 1, 0, 1]
    sized = specification(response=NumericResponse(expression=X), weights="n")
    made = build(sized, DICTIONARY, table(x=[0, 2 / 3, 0.25, 1, 0, 0]))
    assert made.rows.weight.tolist() == [2, 3, 4, 5, 6, 7]
    assert made.counts.outcomes == (3, 5)


@pytest.mark.parametrize(
    ("asked", "data", "says"),
    [
        (
            specification(response=NumericResponse(expression=X)),
            table(),
            "for measurements gaussian",
        ),
        (specification(), table(y=[0, 1, 2, 0, 1, 0]), "for measurements gaussian"),
        (specification(weights="n"), table(y=[0, 1, 2, 0, 1, 0]), "outside 0 to 1"),
        (specification(weights="w"), table(w=[1, -1, 1, 1, 1, 1]), "row 2 holds a negative weight"),
        (specification("poisson"), table(y=[0, -1, 2, 0, 1, 0]), "whole numbers of zero or more"),
        (specification("poisson", response=NumericResponse(expression=X)), table(x=[0.5] * 6), "whole numbers"),
        (
            specification(response=CountsResponse(successes=Y, failures=Arithmetic("-", Y, N))),
            table(),
            "whole numbers of zero or more",
        ),
        (specification(weights="arm"), table(), "weights are not numbers"),
        (specification(fixed=(Column("c", (LevelFactor("arm", "z"),)),)), table(), "gives `arm` no level `z`"),
        (specification(fixed=(Column("c", (NumericFactor(VariableRef("arm")),)),)), table(), "is not a number"),
    ],
)
def test_what_the_family_or_the_dictionary_does_not_allow_is_refused(
    asked: Specification, data: Table, says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        build(asked, DICTIONARY, data)
    assert caught.value.remedy


def test_a_gaussian_response_may_be_any_number() -> None:
    made = build(specification("gaussian", response=NumericResponse(expression=Negative(X))), DICTIONARY, table())
    assert made.rows.y.tolist() == [-1, -2, -3, -4, -5, -6]
    assert made.counts.outcomes == ()


def test_counts_hold_every_level_also_one_that_is_absent_and_columns_of_zeros_and_ones() -> None:
    truth = Column("x > 4TRUE", (TruthFactor(Comparison(">", X, Number(4)), value=True),))
    asked = specification(fixed=(INTERCEPT, Column("armb", (LevelFactor("arm", "b"),)), truth))
    counts = build(asked, DICTIONARY, table(arm=[0, 1, 1, 0, 1, 0])).counts
    by_name = {levels.name: levels for levels in counts.levels}
    assert by_name["arm"].units == (3, 3, 0)
    assert by_name["arm"].outcomes == ((0, 3), (3, 0), (0, 0))
    assert by_name["x > 4TRUE"].units == (4, 2)
    assert (counts.rows, counts.parameters, counts.outcomes) == (6, 3, (3, 3))


def test_the_variables_of_a_specification_come_from_all_of_its_parts() -> None:
    asked = specification(
        offset=Call("log", N),
        weights="w",
        fixed=(Column("c", (LevelFactor("arm", "b"), NumericFactor(X))),),
        random=(RandomTerm(group="clinic", columns=(INTERCEPT,)),),
    )
    assert [v.name for v in variables_in(asked, DICTIONARY)] == ["y", "n", "x", "w", "arm", "clinic"]
    with pytest.raises(DictionaryError, match="no variable `age`"):
        variables_in(specification(offset=VariableRef("age")), DICTIONARY)
