"""Claims about what a specification may hold, whoever wrote it."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import RequestError
from shared.formula.expressions import Arithmetic, Column, Expression, Negative, NumericFactor, VariableRef
from shared.request import AnalysisRequest
from shared.specification import (
    LARGEST_EXPRESSION,
    LONGEST_NAME,
    MOST_FACTORS,
    MOST_FIXED,
    MOST_RANDOM,
    CountsResponse,
    EventResponse,
    NumericResponse,
    RandomTerm,
    Specification,
)
from shared.validation import in_words

INTERCEPT = Column("(Intercept)")
X = VariableRef("x")
MANY = tuple(f"l{k:02d}" for k in range(60))
DICTIONARY = Dictionary(
    variables=(
        Variable(name="y", type="integer"),
        *(Variable(name=name, type="number") for name in "abcdehijklmnox"),
        Variable(name="f", type="factor", levels=MANY),
        Variable(name="g", type="group"),
    )
)


def specification(**changes: Any) -> Specification:
    settled: dict[str, Any] = {
        "formula": "y ~ x",
        "family": "binomial",
        "link": "logit",
        "response": NumericResponse(expression=VariableRef("y")),
        "fixed": (INTERCEPT,),
        "roster": ("A", "B"),
        "dictionary_sha256": "0",
        "tolerance": 1e-16,
        "max_rounds": 50,
        "confidence_level": 0.95,
    }
    return Specification(**(settled | changes))


def columns(count: int) -> tuple[Column, ...]:
    return tuple(Column(f"c{k}", (NumericFactor(X),)) for k in range(count))


def deep(parts: int) -> Expression:
    return X if parts == 1 else Negative(deep(parts - 1))


def wide(parts: int) -> Expression:
    return X if parts < 3 else Arithmetic("+", wide(parts // 2), wide(parts - 1 - parts // 2))


def random(**changes: Any) -> dict[str, Any]:
    return {"random": ({"group": "site", "columns": (INTERCEPT,)} | changes,)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"link": "identity"}, "link"),
        ({"family": "poisson"}, "link"),
        ({"fixed": (INTERCEPT, INTERCEPT)}, "fixed"),
        ({"fixed": columns(MOST_FIXED + 1)}, "fixed"),
        ({"fixed": (Column("x" * (LONGEST_NAME + 1)),)}, "fixed"),
        ({"fixed": (Column("c", (NumericFactor(X),) * (MOST_FACTORS + 1)),)}, "fixed"),
        ({"fixed": (Column("c", (NumericFactor(deep(LARGEST_EXPRESSION + 1)),)),)}, "fixed"),
        ({"offset": deep(LARGEST_EXPRESSION + 1)}, "offset"),
        ({"response": {"kind": "numeric", "expression": wide(4 * LARGEST_EXPRESSION)}}, "response.numeric.expression"),
        ({"roster": ("A", "B", "A")}, "roster"),
        ({"max_rounds": 201}, "max_rounds"),
        (random(columns=(INTERCEPT, INTERCEPT)), "random.0.columns"),
        (random(columns=columns(MOST_RANDOM + 1)), "random.0.columns"),
        (random(columns=columns(2), sd=1.0), "random.0.sd"),
        (random(sd=0.0009), "random.0.sd"),
        (random(sd=1000.1), "random.0.sd"),
    ],
)
def test_what_is_too_much_or_does_not_fit_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        specification(**changes)
    assert in_words(caught.value, Specification).where == field


def test_what_is_just_not_too_much_passes() -> None:
    specification(
        fixed=(
            *columns(MOST_FIXED - 2),
            Column("x" * LONGEST_NAME, (NumericFactor(X),) * MOST_FACTORS),
            Column("deep", (NumericFactor(deep(LARGEST_EXPRESSION)),)),
        ),
        random=(RandomTerm(group="g", columns=columns(MOST_RANDOM)),),
        offset=deep(LARGEST_EXPRESSION),
    )
    assert specification(**random(sd=0.001)).layout.known_sd == 0.001
    assert specification(**random(sd=1000.0)).layout.known_sd == 1000.0


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("y ~ x + (f | g)", "the model has 60 random effects a group. At most 20"),
        ("y ~ x + " + " + ".join(f"(0 + I(x + {k}) | g)" for k in range(1, 22)), "has 21 random effects"),
        ("y ~ f:I(x > 1):I(a > 1):I(b > 1):I(c > 1):I(d > 1)", "more than 1000 columns"),
        ("y ~ a:b:c:d:e:h:i:j:k:l:m:n:o", "more than 12 factors"),
        ("y ~ I(" + " + ".join(["x"] * 50) + ")", "more than 80 parts"),
        ("y ~ x + offset(" + " + ".join(["x"] * 50) + ")", "more than 80 parts"),
        ("I(" + " + ".join(["y"] * 50) + ") ~ x", "more than 80 parts"),
        ("y ~ " + ":".join(f"I({' + '.join([name] * 15)})" for name in "abcdehij"), "more than 400 characters"),
    ],
)
def test_a_formula_that_asks_for_too_much_is_a_request_error_with_a_remedy(formula: str, says: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(AnalysisRequest(formula=formula), DICTIONARY, ("A",))
    assert says in str(caught.value)
    assert caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("formula", "place"),
    [
        ("1 ~ x", "character 1, at `1`"),
        ("I(1) ~ x", "character 1, at `I(1)`"),
        ("cbind(1, 2) ~ x", "character 1, at `cbind(1, 2)`"),
        ("y ~ x + I(3)", "character 9, at `I(3)`"),
        ("y ~ x + log(2)", "character 9, at `log(2)`"),
        ("y ~ x:I(3)", "character 7, at `I(3)`"),
        ("y ~ x + I(1 < 2)", "character 9, at `I(1 < 2)`"),
        ("y ~ x + offset(log(2))", "character 16, at `log(2)`"),
        ("y ~ x + (0 + I(3) | g)", "character 14, at `I(3)`"),
    ],
)
def test_a_response_or_a_term_that_reads_no_variable_is_refused_with_its_place(formula: str, place: str) -> None:
    with pytest.raises(RequestError, match="no variable") as caught:
        resolve(AnalysisRequest(formula=formula), DICTIONARY, ("A",))
    assert place in caught.value.where
    assert caught.value.remedy


def test_a_known_sd_out_of_range_is_refused_in_the_request() -> None:
    for sd in (0.0, 0.0009, 1e4):
        with pytest.raises(ValidationError) as caught:
            AnalysisRequest(formula="y ~ x + (1 | site)", random_effect_sd=sd)
        assert in_words(caught.value, AnalysisRequest).where == "random_effect_sd"


MODELS = (AnalysisRequest, Specification, RandomTerm, CountsResponse, EventResponse, NumericResponse)


@pytest.mark.parametrize("model", MODELS)
def test_the_schema_documents_every_option_with_an_example_that_is_one(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.examples, name
        for example in field.examples:
            declared: Any = Annotated[field.annotation, field]  # a type that is made here, for Pydantic alone
            TypeAdapter(declared).validate_python(example)
