"""Whatever a site answers that is no answer, the analysis ends with its name at once, and the next one runs."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared import packed
from tests.federation.fake_sites import FakeSite, build, client, submitted, until

pytestmark = pytest.mark.anyio

Alter = Callable[[dict[str, Any]], httpx.Response]
STEPS = ("about", "prepare", "start", "evaluate")
LIAR = "Aarau"
BYTES = {"Content-Type": packed.MEDIA_TYPE}


class Liar:
    """An honest site, one kind of whose answers is altered."""

    def __init__(self, site: FakeSite, step: str, alter: Alter) -> None:
        self.site, self.step, self.alter = site, step, alter
        self.lies = True

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        response = await self.site(request)
        body = json.loads(request.content or "{}")
        step = body.get("kind") or request.url.path.rsplit("/", 1)[-1]
        return self.alter(response.json()) if self.lies and step == self.step else response


def changed(**changes: object) -> Alter:
    """Other fields, at the top or in the contribution."""

    def alter(answer: dict[str, Any]) -> httpx.Response:
        inside = answer.get("contribution", {})
        for name, value in changes.items():
            part = inside if name in inside else answer
            part[name] = value(part[name]) if callable(value) else value
        return httpx.Response(200, text=json.dumps(answer))

    return alter


def said(status: int, content: bytes | str = b"", **headers: str) -> Alter:
    return lambda _: httpx.Response(status, stream=httpx.ByteStream(_bytes(content)), headers=headers)


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _half(answer: dict[str, Any]) -> httpx.Response:
    text = json.dumps(answer)
    return httpx.Response(200, text=text[: len(text) // 2])


def in_bytes(*numbers: float, number: int = 1, size: int = 2, more: bytes = b"") -> Alter:
    """A packed contribution to a round, of these numbers, and what follows it."""
    content = struct.pack(f"<7sBII{len(numbers)}d", b"fedglmm", 1, number, size, *numbers) + more
    return said(200, content, **BYTES)


BOMB = gzip.compress(b" " * 50_000_000)
ANYWHERE: dict[str, tuple[Alter, str]] = {
    "nothing": (said(200), "it is no JSON"),
    "no content": (said(204), "it is no JSON"),
    "a page": (said(200, "<html>Welcome</html>"), "it is no JSON"),
    "half a body": (_half, "it is no JSON"),
    "a list": (said(200, "[]"), "it is no JSON"),
    "bytes that are no text": (said(200, b"\xff\xfe\x00"), "it is no JSON"),
    "a field more": (changed(row="Mrs Smith"), "field row is missing or wrong"),
    "a redirect": (said(307, Location="http://elsewhere/"), "redirects to another address"),
    "a permanent redirect": (said(301, Location="http://elsewhere/"), "redirects to another address"),
    "401 with a stale key": (said(401), "does not accept this coordinator's key"),
    "404 without a Problem": (said(404, "Not Found"), "HTTP 404 without saying why"),
    "418 without a Problem": (said(418, "{}"), "HTTP 418 without saying why"),
    "429 without a Problem": (said(429, "slow down"), "HTTP 429 without saying why"),
    "500 without a Problem": (said(500, "Traceback: Mrs Smith"), "HTTP 500 without saying why"),
    "a compressed bomb": (said(200, BOMB, **{"Content-Encoding": "gzip"}), "its answer is encoded"),
}
SIZES = "do not fit"
SPECIAL: dict[str, tuple[str, Alter, str]] = {
    "another protocol": ("about", changed(protocol_min=4, protocol_max=5), "it speaks protocol 4 to 5, and this is 3."),
    "another site": ("about", changed(site="Genf"), "another site answers at its address"),
    "another analysis's sha": ("prepare", changed(specification_sha256="0" * 64), "it accepted another specification"),
    "fewer than no rows": ("prepare", changed(rows=-1), "field rows is missing or wrong"),
    "a start of NaN": ("start", said(200, '{"kind": "start", "round": 0, "start": NaN}'), "field start"),
    "a start without quadratics": ("start", changed(start={"quadratics": [], "totals": [1.0] * 3}), "another size"),
    "a round for the start": ("start", changed(kind="evaluate"), "field kind is missing or wrong"),
    "NaN": ("evaluate", changed(value=float("nan")), "field contribution.value is missing or wrong"),
    "infinity": ("evaluate", changed(gradient=[float("inf"), 0.0]), "field contribution.gradient.0"),
    "a number beyond float64": ("evaluate", said(200, '{"kind": "evaluate", "round": 1e999}'), "is no EvaluateReply"),
    "a huge number": ("evaluate", changed(hessian=[-1.0, 0.0, -1e200]), "larger than 1e+100"),
    "a missing number": ("evaluate", changed(hessian=[-1.0, None, -1.0]), "field contribution.hessian.1"),
    "a gradient that is too short": ("evaluate", changed(gradient=lambda g: g[:1]), SIZES),
    "a gradient that is too long": ("evaluate", changed(gradient=lambda g: [*g, 0.0]), SIZES),
    "a triangle that is too short": ("evaluate", changed(hessian=lambda h: h[:2]), SIZES),
    "an asymmetric matrix, in full": ("evaluate", changed(hessian=[-1.0, 0.5, 0.7, -1.0]), SIZES),
    "an asymmetric matrix, in rows": ("evaluate", changed(hessian=[[-1.0, 0.5], [0.7, -1.0]]), "hessian.0 is missing"),
    "a triangle with another": ("evaluate", changed(hessian=lambda h: [*h, *h]), SIZES),
    "another analysis's size": ("evaluate", changed(gradient=[0.1], hessian=[-1.0]), "has 1 parameters instead of 2"),
    "another round's answer": ("evaluate", changed(round=lambda n: n + 1), "answered round 2 when asked for round 1"),
    "bytes that are no contribution": ("evaluate", said(200, b"{}", **BYTES), "no packed contribution"),
    "too few bytes": ("evaluate", in_bytes(-1.0, 0.1, 0.2, -1.0, 0.0), "56 bytes instead of 64"),
    "bytes that trail": ("evaluate", in_bytes(-1.0, 0.1, 0.2, -1.0, 0.0, -1.0, more=b" "), "65 bytes instead of 64"),
    "NaN in bytes": ("evaluate", in_bytes(-1.0, 0.1, 0.2, -1.0, float("nan"), -1.0), "not finite"),
    "a huge number in bytes": ("evaluate", in_bytes(-1.0, 0.1, 0.2, -1.0, 0.0, -1e200), "larger than 1e+100"),
    "bytes of another size": ("evaluate", in_bytes(-1.0, 0.1, -1.0, size=1), "has 1 parameters instead of 2"),
    "bytes of a size beyond memory": ("evaluate", in_bytes(-1.0, size=2**32 - 1), "24 bytes instead of"),
    "another round's bytes": ("evaluate", in_bytes(-1.0, 0.1, 0.2, -1.0, 0.0, -1.0, number=2), "answered round 2"),
    "bytes for a start": ("start", in_bytes(-1.0, 0.1, 0.2, -1.0, 0.0, -1.0), "it is no JSON"),
    "the start again": ("evaluate", changed(kind="start"), "field kind is missing or wrong"),
}
CASES = [
    *[(f"{name} to {step}", step, alter, told) for step in STEPS for name, (alter, told) in ANYWHERE.items()],
    *[(name, step, alter, told) for name, (step, alter, told) in SPECIAL.items()],
]
CLOSES: dict[str, Alter] = {
    **{name: alter for name, (alter, _) in ANYWHERE.items()},
    "modes that the model lacks": changed(site_effect={"modes": [0.1], "standard_deviations": [1.0]}),
    "a deviation without a mode": changed(site_effect={"modes": [], "standard_deviations": [-1.0]}),
    "a word for an effect": changed(site_effect="no effect"),
}


@pytest.mark.parametrize(("step", "alter", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_wrong_answer_ends_the_analysis_by_name_and_the_next_one_runs(
    tmp_path: Path, sites: dict[str, FakeSite], step: str, alter: Alter, told: str
) -> None:
    liar = Liar(sites[LIAR], step, alter)
    async with client(build(tmp_path, {**sites, LIAR: liar}, patience=60)) as http:
        view = await until(http, await submitted(http))
        liar.lies = False
        assert (await until(http, await submitted(http)))["state"] == "converged"
    assert (view["state"], view["problem"]["where"], view["problem"]["code"]) == ("failed", LIAR, "site_answer")
    assert told in view["problem"]["message"]
    assert "Smith" not in json.dumps(view)
    assert view["round"] == 0


@pytest.mark.parametrize("alter", CLOSES.values(), ids=list(CLOSES))
async def test_a_wrong_answer_to_the_close_costs_no_fit(
    tmp_path: Path, sites: dict[str, FakeSite], alter: Alter
) -> None:
    liar = Liar(sites[LIAR], "close", alter)
    with capture_logs() as log:
        async with client(build(tmp_path, {**sites, LIAR: liar})) as http:
            view = await until(http, await submitted(http))
            result = (await http.get(view["links"]["result"])).json()
    assert view["state"] == "converged"
    assert all(row["effect"] != "ran_vals" for row in result["tidy"])
    warned = [entry for entry in log if entry["event"] == "site_not_closed"]
    assert [(entry["site"], entry["code"]) for entry in warned] == [(LIAR, "site_answer")]


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_finds_no_site_is_a_site_that_is_missing(
    tmp_path: Path, sites: dict[str, FakeSite], status: int
) -> None:
    liar = Liar(sites[LIAR], "evaluate", said(status, "<html>Bad gateway</html>"))
    async with client(build(tmp_path, {**sites, LIAR: liar}, patience=60)) as http:
        analysis_id = await submitted(http)
        assert (await until(http, analysis_id, "paused"))["waiting_for"] == [LIAR]
        liar.lies = False
        assert (await until(http, analysis_id))["state"] == "converged"
