"""What is wrong with a request or a settings file is said in words, by place, and with what to do; never with a value."""

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from coordinator import problems
from coordinator.client.asks import request_of
from coordinator.settings import Settings
from coordinator.wanted import Wanted
from shared.dictionary import Dictionary
from shared.errors import RequestError
from shared.messages import ContributionRequest, Problem
from shared.request import AnalysisRequest
from shared.validation import Words, in_words

SITES = [{"name": "Bern", "url": "http://127.0.0.1:9001"}]


def caught(validate: Callable[..., Any], *arguments: Any) -> ValidationError:
    with pytest.raises(ValidationError) as error:
        validate(*arguments)
    return error.value


def told(model: type[BaseModel], fields: Any) -> Words:
    return in_words(caught(model.model_validate, fields), model)


@pytest.mark.parametrize(
    ("model", "fields", "where", "nearest"),
    [
        (AnalysisRequest, {"formula": "y ~ x", "familly": "poisson"}, "familly", "family"),
        (AnalysisRequest, {"formla": "y ~ x"}, "formla", "formula"),
        (AnalysisRequest, {"formula": "y ~ x", "nAGQ": 5}, "nAGQ", "quadrature_points"),
        (AnalysisRequest, {"formula": "y ~ x", "REML": True}, "REML", "reml"),
        (Settings, {"dictionary": "d", "sites": [SITES[0] | {"keyfile": "k"}]}, "sites.0.keyfile", "key_file"),
        (Dictionary, {"variables": [{"name": "x", "type": "factor", "lvls": ["a"]}]}, "variables.0.lvls", "levels"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest_one(
    model: type[BaseModel], fields: dict[str, Any], where: str, nearest: str
) -> None:
    assert told(model, fields) == (
        where,
        f"there is no field `{where.rpartition('.')[2]}`.",
        f"Did you mean `{nearest}`?",
    )


def test_an_unknown_field_like_no_other_is_answered_with_the_fields_of_its_place() -> None:
    words = told(Settings, {"dictionary": "d", "sites": [SITES[0] | {"qqq": 1}]})
    assert words.remedy == "The fields are: name, url, key_file."


def test_without_a_model_an_unknown_field_is_still_named() -> None:
    error = caught(AnalysisRequest.model_validate, {"formula": "y ~ x", "familly": "poisson"})
    assert in_words(error) == ("familly", "there is no field `familly`.", "")


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (AnalysisRequest, {"formula": "y ~ x", "sites": "Bern"}, 'a list is needed, such as ["hospital-a"].'),
        (Dictionary, {"variables": [{"name": "f", "type": "factor", "levels": "a"}]}, 'such as ["hospital-a"].'),
        (Settings, {"dictionary": "d", "sites": "Bern"}, "a list is needed."),
        (AnalysisRequest, {}, "the field `formula` is missing."),
        (Settings, {"dictionary": "d", "sites": [{"name": "Bern"}]}, "the field `url` is missing."),
        (Settings, {"dictionary": "d", "sites": ["Bern"]}, "an object with named fields is needed, {...}."),
        (AnalysisRequest, {"formula": "y ~ x", "max_rounds": 424242}, "input should be less than or equal to 200."),
        (Dictionary, {"variables": [{"name": "x", "type": "factor"}]}, "x: a factor has levels, and nothing else has."),
    ],
)
def test_each_fault_has_its_words(model: type[BaseModel], fields: dict[str, Any], message: str) -> None:
    assert told(model, fields).message.endswith(message)


def test_a_value_outside_an_enumeration_is_answered_with_what_is_allowed() -> None:
    words = told(AnalysisRequest, {"formula": "y ~ x", "family": "weibull"})
    allowed = "'binomial', 'poisson', 'negative_binomial', 'gaussian', 'gamma' or 'inverse_gaussian'"
    assert (words.where, words.remedy) == ("family", f"Allowed: {allowed}.")


def test_an_unknown_or_missing_kind_of_message_is_named_and_not_quoted() -> None:
    kinds: TypeAdapter[Any] = TypeAdapter(ContributionRequest)
    unknown = in_words(caught(kinds.validate_python, {"kind": "Mrs-Smith"}))
    assert unknown.remedy == "Allowed: 'start', 'evaluate'."
    assert "Smith" not in "".join(unknown)
    assert in_words(caught(kinds.validate_python, {})).message == "the field `kind` is missing."


def test_a_file_that_is_not_json_is_named_by_line() -> None:
    words = in_words(caught(Dictionary.model_validate_json, "{\"variables\":\n ['x']}"), Dictionary)
    assert words.where == "line 2 column 3"
    assert words.message == "this is not JSON."


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "kind", "where", "message", "remedy"),
    [
        ("{'formula': 'y ~ x'}", "application/json", "body, character 2", "the body is not JSON.", "double quotes"),
        ('{"formula": "y ~ x"}', "application/x-www-form-urlencoded", "body", "no JSON object", "-H 'Content-Type: "),
        ("[]", "application/json", "body", "the body is no JSON object.", "Send {...}"),
        ("", "application/json", "body", "the body is missing.", "-d '{...}'"),
        ('{"familly": 1}', "application/json", "body.familly", "there is no field `familly`.", "`family`"),
        ('{"formula": 7}', "application/json", "body.formula", "valid string.", "/docs describes every field."),
    ],
)
async def test_the_coordinator_answers_a_wrong_body_in_these_words(
    content: str, kind: str, where: str, message: str, remedy: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    async def submit(_: AnalysisRequest) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
        response = await http.post("/", content=content, headers={"Content-Type": kind})
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.where) == (422, where)
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "where", "message", "remedy"),
    [
        ("since=today", "query.since", "this is no day.", "Write it as 2026-01-31."),
        ("until=2026-02-30", "query.until", "this is no day.", "Write it as 2026-01-31."),
        ("until=86400", "query.until", "this is no day.", "Write it as 2026-01-31."),
        ("stat=refused", "query.stat", "there is no field `stat`.", "/docs describes every field."),
    ],
)
async def test_the_coordinator_answers_a_wrong_query_in_these_words_and_not_with_the_fields_of_a_body(
    query: str, where: str, message: str, remedy: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def newest(_: Annotated[Wanted, Query()]) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
        response = await http.get(f"/?{query}")
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.where, problem.message, problem.remedy) == (422, where, message, remedy)


def test_the_client_says_the_same_before_anything_is_sent() -> None:
    with pytest.raises(RequestError) as error:
        request_of(formula="y ~ x", familly="poisson")
    assert (error.value.where, error.value.remedy) == ("familly", "Did you mean `family`?")


CANARY = "Mrs-Smith"
values = st.recursive(
    st.sampled_from([CANARY, None, 1, -1.5, True, float("nan")]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from([AnalysisRequest, Settings]), st.data())
def test_no_value_is_ever_quoted(model: type[BaseModel], data: st.DataObject) -> None:
    """Whatever stands in the fields, known and unknown, the words hold none of it, and there are words."""
    fields = data.draw(st.dictionaries(st.sampled_from([*model.model_fields, "other"]), values))
    try:
        model.model_validate(fields)
    except ValidationError as error:
        words = in_words(error, model)
        assert words.message.endswith(".")
        assert CANARY not in "".join(words)
