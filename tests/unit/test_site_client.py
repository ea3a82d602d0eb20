"""Whatever goes wrong with a site becomes an error that names the site, and never its key."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeVar

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from coordinator import site_connection
from coordinator.site_answers import UNREACHABLE, Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from shared import packed
from shared.errors import DataError, FedglmmError, RefusedError, SiteError, UnknownAnalysisError
from shared.formula.expressions import Column, VariableRef
from shared.messages import ContributionMessage, EvaluateReply, EvaluateRequest, Problem, StartRequest
from shared.parameters import ParameterLayout, Term
from shared.specification import NumericResponse, Specification

Value = TypeVar("Value")
Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
SPECIFICATION = Specification(
    formula="y ~ 1",
    family="binomial",
    link="logit",
    response=NumericResponse(expression=VariableRef("y")),
    fixed=(Column("(Intercept)"), Column("x")),
    roster=("Bern",),
    dictionary_sha256="0" * 64,
    tolerance=1e-16,
    max_rounds=50,
    confidence_level=0.95,
)
LAYOUT = SPECIFICATION.layout
REQUEST = EvaluateRequest(round=3, specification_sha256=SPECIFICATION.sha256, psi=(0.0, 1.0), basis=(), previous=None)
MESSAGE = ContributionMessage(value=-1.0, gradient=(0.1, 0.2), hessian=(-1.0, 0.0, -1.0))
REPLY = EvaluateReply(round=3, contribution=MESSAGE)
ABOUT = {"site": "Bern", "version": "1", "protocol_min": 3, "protocol_max": 3, "fingerprint": "f", "policy": "open"}
COUNTS: dict[str, object] = {"rows": 9, "rows_dropped": 0, "groups": {}}
ACCEPTED = {
    "specification_sha256": "0" * 64,
    "fingerprint": "f",
    "counts": COUNTS,
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_connection, "RETRY_PAUSES", (0.0, 0.0))


def asked(
    handler: Handler, question: Callable[[SiteClient], Coroutine[None, None, Value]], *, deadline: float = 2
) -> Value:
    async def run() -> Value:
        transport, bern = httpx.MockTransport(handler), Answering("Bern", "http://bern")
        connection = SiteConnection(bern, SecretStr("sesame"), deadline=deadline, transport=transport)
        async with SiteClient(connection) as site:
            return await question(site)

    return asyncio.run(run())


def fault(
    handler: Handler,
    question: Callable[[SiteClient], Coroutine[None, None, object]] | None = None,
    *,
    deadline: float = 2,
) -> FedglmmError:
    with pytest.raises(FedglmmError) as caught:
        asked(handler, question or (lambda site: site.evaluate("a", REQUEST, LAYOUT)), deadline=deadline)
    assert caught.value.where == "Bern"
    assert "sesame" not in str(caught.value)
    return caught.value


def test_a_contribution_arrives_exactly_and_the_key_is_shown() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text=REPLY.model_dump_json())

    contribution = asked(handler, lambda site: site.evaluate("abc", REQUEST, LAYOUT))
    np.testing.assert_array_equal(contribution.hessian, MESSAGE.contribution().hessian)
    assert seen[0].url == "http://bern/v1/analyses/abc/contributions"
    assert seen[0].headers["Authorization"] == "Bearer sesame"
    assert EvaluateRequest.model_validate_json(seen[0].content) == REQUEST


def test_a_lost_connection_is_tried_again() -> None:
    attempts: list[int] = []

    def handler(_: httpx.Request) -> httpx.Response:
        attempts.append(1)
        if len(attempts) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, text=REPLY.model_dump_json())

    assert asked(handler, lambda site: site.evaluate("a", REQUEST, LAYOUT)).value == -1.0
    assert len(attempts) == 3


def _refuse_connections(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def _break_off(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("broken")


@pytest.mark.parametrize("handler", [_refuse_connections, _break_off, lambda _: httpx.Response(503)])
def test_a_site_that_nobody_answers_for_is_unreachable(handler: Handler) -> None:
    error = fault(handler)
    assert isinstance(error, SiteError)
    assert error.code == UNREACHABLE


async def _silent(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    return httpx.Response(200)


def test_a_late_site_is_named_with_its_deadline() -> None:
    error = fault(_silent, deadline=0.05)
    assert isinstance(error, SiteError)
    assert (error.code, error.message) == ("site_late", "no answer within 0.05 s.")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(200, text="<html>"), "no JSON"),
        (httpx.Response(200, json={"kind": "evaluate", "round": 3}), "field contribution"),
        (httpx.Response(200, json=REPLY.model_dump() | {"row": "secret"}), "field row"),
        (httpx.Response(200, text=REPLY.model_dump_json().replace("-1.0,", "NaN,", 1)), "is no EvaluateReply"),
        (httpx.Response(200, json=REPLY.model_dump() | {"round": 2}), "answered round 2"),
        (httpx.Response(307, headers={"Location": "http://elsewhere"}), "redirects"),
        (httpx.Response(401), "does not accept this coordinator's key"),
        (httpx.Response(500, text="Traceback"), "HTTP 500 without saying why"),
    ],
)
def test_a_wrong_answer_is_told_without_its_content(response: httpx.Response, said: str) -> None:
    error = fault(lambda _: response)
    assert isinstance(error, SiteError)
    assert error.code == "site_answer"
    assert said in error.message
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "message",
    [
        ContributionMessage(value=-1.0, gradient=(0.1,), hessian=(-1.0,)),
        ContributionMessage(value=-1.0, gradient=(0.1, 0.2), hessian=(-1.0,)),
    ],
)
def test_a_contribution_of_another_size_is_a_wrong_answer(message: ContributionMessage) -> None:
    reply = EvaluateReply(round=3, contribution=message)
    assert fault(lambda _: httpx.Response(200, text=reply.model_dump_json())).code == "site_answer"


RESTRICTED = ParameterLayout(("a",), (Term(("i",)),), restricted=True)
GAUSSIAN = ParameterLayout(("a", "b"), restricted=True)


@pytest.mark.parametrize(
    ("layout", "information"),
    [
        (RESTRICTED, None),
        (RESTRICTED, ()),
        (RESTRICTED, ((1.0,),)),
        (RESTRICTED, ((1.0, 1.0, 1.0),) * 2),
        (RESTRICTED, ((1.0,),) * 3),
        (RESTRICTED, ((1.0,), (1.0, 1.0, 1.0))),
        (GAUSSIAN, None),
        (LAYOUT, ()),
        (LAYOUT, ((1.0,),) * 2),
    ],
)
def test_a_contribution_has_the_information_of_a_restricted_likelihood_and_of_no_other(
    layout: ParameterLayout, information: tuple[tuple[float, ...], ...] | None
) -> None:
    reply = REPLY.model_copy(update={"contribution": MESSAGE.model_copy(update={"information": information})})
    response = httpx.Response(200, text=reply.model_dump_json())
    assert fault(lambda _: response, lambda site: site.evaluate("a", REQUEST, layout)).code == "site_answer"


@pytest.mark.parametrize(("layout", "information"), [(RESTRICTED, ((1.5,), (-2.5,))), (GAUSSIAN, ())])
def test_the_information_arrives_exactly(layout: ParameterLayout, information: tuple[tuple[float, ...], ...]) -> None:
    reply = REPLY.model_copy(update={"contribution": MESSAGE.model_copy(update={"information": information})})
    response = httpx.Response(200, text=reply.model_dump_json())
    found = asked(lambda _: response, lambda site: site.evaluate("a", REQUEST, layout)).information
    assert found is not None
    assert found.ravel().tolist() == [entry for one in information for entry in one]


def test_a_restricted_likelihood_is_never_asked_for_in_bytes_which_hold_no_information() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Accept"])
        return httpx.Response(503)

    many = tuple(f"x{k}" for k in range(packed.SMALLEST))
    for restricted in (False, True):
        layout = ParameterLayout(many, restricted=restricted)
        fault(handler, partial(SiteClient.evaluate, analysis_id="a", request=REQUEST, layout=layout))
    assert {accept: packed.accepted(accept) for accept in seen} == {seen[0]: True, seen[-1]: False}


@pytest.mark.parametrize(
    ("quadratics", "totals"),
    [
        ([MESSAGE], [1.0, 2.0]),
        ([MESSAGE, MESSAGE], [1.0]),
        ([REPLY.contribution.model_copy(update={"value": 0.0})], []),
    ],
)
def test_a_start_of_another_size_is_a_wrong_answer(quadratics: list[ContributionMessage], totals: list[float]) -> None:
    start = {"quadratics": [one.model_dump() for one in quadratics], "totals": totals}
    error = fault(
        lambda _: httpx.Response(200, json={"kind": "start", "round": 0, "start": start}),
        lambda site: site.start("a", StartRequest(specification_sha256="0"), SPECIFICATION.layout),
    )
    assert "another size" in error.message


def test_a_start_that_counts_more_sites_than_the_one_at_the_default_point_is_a_wrong_answer() -> None:
    start = {"quadratics": [REPLY.contribution.model_dump()], "totals": [1.0] * 6, "at_default": 2}
    error = fault(
        lambda _: httpx.Response(200, json={"kind": "start", "round": 0, "start": start}),
        lambda site: site.start("a", StartRequest(specification_sha256="0"), ParameterLayout(("a", "b"))),
    )
    assert "more sites than the one" in error.message


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "floor", RefusedError),
        (422, "data", DataError),
        (409, "data_changed", DataError),
        (404, "unknown_analysis", UnknownAnalysisError),
        (500, "internal", SiteError),
    ],
)
def test_a_problem_keeps_its_words_and_gets_the_site_s_name(status: int, code: str, kind: type[FedglmmError]) -> None:
    problem = Problem(code=code, message="too few.", where="age", remedy="Ask less.", rule="G5")
    error = fault(lambda _: httpx.Response(status, text=problem.model_dump_json()))
    assert type(error) is kind
    assert (error.message, error.remedy, error.code) == ("age: too few.", "Ask less.", code)
    assert getattr(error, "rule", "G5") == "G5"


def test_an_address_that_has_no_such_path_is_no_site_s() -> None:
    problem = Problem(code="not_found", message="Not Found.", where="coordinator")
    error = fault(lambda _: httpx.Response(404, text=problem.model_dump_json()), lambda site: site.about())
    assert error.message == "what answers at http://bern is no site."
    assert "leave off any path" in error.remedy


def test_a_site_that_is_late_with_who_it_is_counts_as_missing() -> None:
    error = fault(_silent, lambda site: site.about(), deadline=0.05)
    assert isinstance(error, SiteError)
    assert (error.code, error.message) == (UNREACHABLE, "no answer within 0.05 s.")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"site": "Aarau"}, "another site"), ({"protocol_min": 4, "protocol_max": 5}, "protocol 4 to 5")],
)
def test_another_site_or_protocol_at_the_address_is_a_fault(change: dict[str, object], said: str) -> None:
    assert said in fault(lambda _: httpx.Response(200, json=ABOUT | change), lambda site: site.about()).message


def test_accepting_another_specification_is_a_fault() -> None:
    error = fault(lambda _: httpx.Response(200, json=ACCEPTED), lambda site: site.prepare("a", SPECIFICATION))
    assert "another specification" in error.message


@pytest.mark.parametrize("groups", [{"site": 1}, {"ward": 4}, {"site": 1, "ward": 4}])
def test_groups_of_other_factors_are_a_wrong_answer(groups: dict[str, int]) -> None:
    counts = COUNTS | {"groups": groups}
    answer = ACCEPTED | {"specification_sha256": SPECIFICATION.sha256, "counts": counts}
    error = fault(lambda _: httpx.Response(200, json=answer), lambda site: site.prepare("a", SPECIFICATION))
    assert (error.code, "other factors" in error.message) == ("site_answer", True)


def test_the_key_does_not_show() -> None:
    site = SiteClient(SiteConnection(Answering("Bern", "http://bern"), SecretStr("sesame")))
    assert repr(site) == "SiteClient('Bern', 'http://bern')"
