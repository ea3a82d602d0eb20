"""A wire file says in words what left, holds what crossed and never a key, and cannot be made to speak to a terminal."""

import asyncio
import json
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from coordinator.wire import Asked, WireFile, asked_in_words, left_in_words, paragraph
from shared import examples, packed
from shared.errors import SettingsError, SiteError, StoreError
from shared.masking.messages import MaskedReply
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionMessage,
    EvaluateReply,
    EvaluateRequest,
    PrepareRequest,
    Problem,
    RandomEffect,
    StartMessage,
    StartReply,
    StartRequest,
)
from shared.wire import Wire
from tests.federation.paragraphs import Exchange, exchanges
from tests.unit.masked_sites import sites

MESSAGE = ContributionMessage(value=-1.5, gradient=(0.25, 2.0), hessian=(-1.0, 0.0, -3.0))
ASKED = Asked("North", "POST", "/v1/analyses/a1/contributions", b"{}", "2026-11-22T17:37:45.210+00:00")
NOISE = MaskedReply.of(2, np.arange(8, dtype=np.uint64).reshape(4, 2))
KEY = "open-sesame-open-sesame"


def crossed(folder: Path, answer: Callable[[httpx.Request], httpx.Response]) -> Exchange:
    """What the file has of one question, `GET /v1/about`, to a site that is asked with a key."""

    async def run() -> None:
        wire = WireFile.opened(folder / "wire.txt")
        transport = httpx.MockTransport(answer)
        async with SiteClient(
            SiteConnection(Answering("North", "http://north"), SecretStr(KEY), transport=transport, wire=wire)
        ) as site:
            await site.about()

    with suppress(SiteError):
        asyncio.run(run())
    return exchanges(folder / "wire.txt")[-1]


def in_file(answer: httpx.Response) -> Exchange:
    head, *lines = paragraph(ASKED, answer).splitlines()
    assert head == ""
    return Exchange(tuple(lines[0].split(" | ")), lines[1], lines[2], lines[3][2:], lines[4][2:])


def test_an_exchange_is_facts_words_and_both_bodies_and_no_key(tmp_path: Path) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Authorization"])
        return httpx.Response(200, json=examples.ABOUT, headers={"Set-Cookie": "crumb"})

    one = crossed(tmp_path, answer)
    assert keys == [f"Bearer {KEY}"]
    assert one.facts[1:6] == ("North", "-", "GET /v1/about", "200", "0")
    assert json.loads(one.answer) == examples.ABOUT
    text = (tmp_path / "wire.txt").read_text(encoding="utf-8")
    assert not [secret for secret in (KEY, "Authorization", "Bearer", "crumb") if secret in text]


def test_a_question_that_nobody_answers_is_there_each_time_it_was_asked(tmp_path: Path) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    last = crossed(tmp_path, nobody)
    assert len(exchanges(tmp_path / "wire.txt")) == 3
    assert (last.status, last.answer, last.left) == ("no answer", "", "nothing that the coordinator took")


def test_the_file_is_its_owners_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    for count in (1, 2):
        crossed(tmp_path, lambda _: httpx.Response(200, json=examples.ABOUT))
        assert len(exchanges(tmp_path / "wire.txt")) == count
    assert stat.S_IMODE((tmp_path / "wire.txt").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_said_so_before_and_after_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere/wire\.txt: it cannot be written"):
        WireFile.opened(tmp_path / "nowhere" / "wire.txt")
    folder = tmp_path / "folder"
    folder.mkdir()
    wire = WireFile.opened(folder / "wire.txt")
    (folder / "wire.txt").unlink()
    folder.rmdir()

    async def answered() -> httpx.Response:
        return httpx.Response(200)

    with pytest.raises(StoreError, match="cannot be written down"):
        asyncio.run(wire.between("North", "GET", "/v1/about", None, answered()))


@pytest.mark.parametrize("control", ["\x1b[2J", "\n< forged", "\r", "\u202e", "\x7f"])
def test_what_a_terminal_would_obey_is_escaped_and_still_the_same_json(control: str) -> None:
    problem = Problem(code="data", message="x").model_dump() | {"message": f"a{control}b"}
    one = in_file(httpx.Response(409, content=json.dumps(problem, ensure_ascii=False).encode()))
    assert one.answer.isprintable()
    assert one.left.isprintable()
    assert json.loads(one.answer)["message"] == f"a{control}b"
    raw = in_file(httpx.Response(200, content=f"<html>{control}\xff".encode("latin-1", "replace")))
    assert raw.answer.isprintable()


def test_a_packed_answer_is_shown_as_the_json_that_it_stands_for() -> None:
    reply = EvaluateReply(round=2, contribution=MESSAGE)
    content = packed.pack(reply)
    one = in_file(httpx.Response(200, content=content, headers={"Content-Type": packed.MEDIA_TYPE}))
    assert EvaluateReply.model_validate_json(one.answer) == reply
    assert one.facts[6] == str(len(content))
    broken = in_file(httpx.Response(200, content=b"fedglmm", headers={"Content-Type": packed.MEDIA_TYPE}))
    assert broken.left == "left: nothing that the protocol has"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (About.model_validate(examples.ABOUT), "its name, version and policy, and the keyed fingerprint of its data"),
        (
            Accepted.model_validate(examples.ACCEPTED | {"counts": None, "join": sites("North").joins[0]}),
            "no count; the keyed fingerprint of its data; its signature and key",
        ),
        (
            Accepted.model_validate(
                examples.ACCEPTED | {"counts": {"rows": 40, "rows_dropped": 1, "groups": {"site": 1}}}
            ),
            "counts that can be read: 40 rows, 1 dropped, groups of site: 1; the keyed fingerprint of its data",
        ),
        (
            NOISE,
            "nothing that can be read: its numbers under its mask, 64 bytes of noise, 00 00 00 00 00 00 00 00 ...",
        ),
        (
            StartReply(start=StartMessage(quadratics=(MESSAGE, MESSAGE), totals=(1.0,))),
            "13 numbers that can be read: sums over its rows",
        ),
        (EvaluateReply(round=1, contribution=MESSAGE), "6 numbers that can be read: sums over its rows"),
        (
            EvaluateReply(round=1, contribution=MESSAGE.model_copy(update={"information": ((1.0,), (2.0,))})),
            "8 numbers that can be read: sums over its rows",
        ),
        (
            CloseReply(site_effect=RandomEffect(modes=(0.5,), standard_deviations=(0.1,))),
            "its own effect and its standard deviation, to be read",
        ),
        (CloseReply(signature="0" * 128), "nothing of its rows; its signature under the result"),
        (Problem(code="too_few_rows", message="fewer than 20 rows."), "no number; too_few_rows: fewer than 20 rows."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_leaves_is_said_in_words(reply: Wire, words: str) -> None:
    assert left_in_words(reply) == words
    assert in_file(httpx.Response(200, content=reply.written)).left == f"left: {words}"


@pytest.mark.parametrize("text", ["", "<html>", '{"kind":"masked","round":1,"numbers":"AAAA"}', '{"row":[1,2]}'])
def test_what_is_no_message_is_said_so_and_shown(text: str) -> None:
    one = in_file(httpx.Response(200, text=text))
    assert (one.left, one.answer) == ("left: nothing that the protocol has", text)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            PrepareRequest.model_validate(examples.PREPARE_REQUEST),
            "whether the site takes part in death ~ treatment + (1 | site), with its own numbers, open to the coordinator",
        ),
        (
            StartRequest(specification_sha256="0" * 64, joins=sites("North", "South").joins),
            "sums for the start, with what all 2 sites signed",
        ),
        (
            EvaluateRequest.model_validate(examples.EVALUATE_REQUEST | {"proof": None}),
            "log-likelihood and derivatives at 3 parameters",
        ),
        (CloseRequest(outcome="converged"), "to forget the analysis, which ended: converged"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_asked_is_said_in_words(request_: Wire, words: str) -> None:
    assert asked_in_words("/v1/analyses/a1/x", request_) == words
    assert f"\nasked: {words}\n" in paragraph(
        Asked("North", "POST", "/v1/analyses/a1/x", request_.written, ASKED.time), None
    )
