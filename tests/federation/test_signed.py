"""Sites and coordinator of a consortium know each other by what they sign, whoever carries it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.consortium import FILE_NAME
from shared.errors import ConsortiumError, SettingsError
from shared.signed import DIGEST, SIGNATURE, TIME, Asked, Correspondence, digest_of
from shared.signing import make_identity, read_identity
from site_node.app import LARGEST_REQUEST
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.one_site import assert_problem
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
MODEL = {"formula": "d ~ x + (1 | site)"}
CONTENT = {"Content-Type": "application/json"}
Change = Callable[[httpx.Response], httpx.Response]


class Between(httpx.AsyncBaseTransport):
    """Whoever carries questions and answers: remembers all, and may put other answers in their place."""

    def __init__(self, heard: Heard, change: Change = lambda answer: answer, path: str = "/") -> None:
        self.heard = heard
        self.carried: list[tuple[httpx.Request, httpx.Response]] = []
        self._change = change
        self._path = path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.heard.site.handle_async_request(request)
        await response.aread()
        self.carried.append((request, response))
        return self._change(response) if self._path in request.url.path else response


def sites(folder: Path) -> dict[str, Heard]:
    return real_sites(folder, DICTIONARY, made_up(sites=3).tables(), "default", masked=True)


def by(folder: Path, heard: Heard, signer: str = "coordinator") -> Correspondence:
    """The coordinator's, or somebody else's, words to a site."""
    own, site = (read_identity(folder / name / "identity") for name in (signer, heard.settings.name))
    return Correspondence(own, site.public_hex)


async def asked(heard: Heard, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> httpx.Response:
    async with httpx.AsyncClient(transport=heard.site, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, content=body, headers=CONTENT | headers)


def question(method: str, path: str, body: bytes = b"", time: str = "2026-11-28T10:00:00.000+00:00") -> Asked:
    return Asked(method, path, time, digest_of(body))


async def test_a_fit_is_signed_in_both_directions_throughout(tmp_path: Path) -> None:
    made = {name: Between(heard) for name, heard in sites(tmp_path).items()}
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert view["ended_with"], view["problem"]
    for between in made.values():
        assert len(between.carried) > 5
        for request, response in between.carried:
            assert {SIGNATURE, TIME, DIGEST} <= set(request.headers)
            assert SIGNATURE in response.headers


async def test_who_does_not_sign_is_let_in_to_health_alone(tmp_path: Path) -> None:
    site = sites(tmp_path)["S0"]
    told = assert_problem(await asked(site, "GET", "/v1/about", {}), 401, "unsigned")
    assert told["remedy"]
    assert (await asked(site, "GET", "/health", {})).status_code == 200


async def test_only_the_coordinators_signature_of_this_very_request_lets_in(tmp_path: Path) -> None:
    site = sites(tmp_path)["S0"]
    good = by(tmp_path, site).sign_request(question("GET", "/v1/about"))
    assert (await asked(site, "GET", "/v1/about", good)).status_code == 200
    for headers, path in [
        (by(tmp_path, site, "S1").sign_request(question("GET", "/v1/about")), "/v1/about"),
        (good, "/v1/analyses/k7mq/prepare"),
        (good | {TIME: "2026-11-28T11:00:00.000+00:00"}, "/v1/about"),
    ]:
        told = assert_problem(await asked(site, "GET", path, headers), 401, "signature")
        assert "aloud" in told["remedy"]


async def test_a_body_that_was_not_signed_is_not_parsed(tmp_path: Path) -> None:
    site, path = sites(tmp_path)["S0"], "/v1/analyses/k7mq/close"
    headers = by(tmp_path, site).sign_request(question("POST", path, b'{"outcome": "failed"}'))
    answer = await asked(site, "POST", path, headers, b"no JSON at all")
    assert assert_problem(answer, 401, "signature")["message"] == "the body is not what was signed."


async def test_who_does_not_sign_sends_no_body_and_who_does_no_larger_one_than_before(tmp_path: Path) -> None:
    site, path = sites(tmp_path)["S0"], "/v1/analyses/k7mq/close"
    announced = {"Content-Length": str(LARGEST_REQUEST + 1)}
    assert_problem(await asked(site, "POST", path, announced), 401, "unsigned")
    headers = by(tmp_path, site).sign_request(question("POST", path)) | announced
    answer = await asked(site, "POST", path, headers)
    assert_problem(answer, 413, "too_large")
    assert SIGNATURE in answer.headers


async def test_an_hour_or_a_century_of_clock_skew_does_not_matter(tmp_path: Path) -> None:
    site = sites(tmp_path)["S0"]
    for time in ("1926-11-28T10:00:00.000+00:00", "2126-11-28T10:00:00.000+00:00"):
        headers = by(tmp_path, site).sign_request(question("GET", "/v1/about", time=time))
        assert (await asked(site, "GET", "/v1/about", headers)).status_code == 200


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_request_that_comes_again_gets_the_identical_answer_or_none(restarted: bool, tmp_path: Path) -> None:
    """All of a fit, to all sites, after its end: no byte leaves that had not left before."""
    made = {name: Between(heard) for name, heard in sites(tmp_path).items()}
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert view["ended_with"], view["problem"]
    identical = 0
    for between in made.values():
        if restarted:
            between.heard.restart()
        for request, response in list(between.carried):
            again = await between.heard.site.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
            )
            body = await again.aread()
            if again.status_code == 200:
                assert (body, again.headers[SIGNATURE]) == (response.content, response.headers[SIGNATURE])
                identical += 1
            else:
                assert set(json.loads(body)) == {"status", "code", "message", "where", "remedy", "rule"}
    assert identical >= 2 * len(made)  # about and prepare, of each


async def test_no_site_takes_what_was_signed_for_another(tmp_path: Path) -> None:
    made = {name: Between(heard) for name, heard in sites(tmp_path).items()}
    await ended(coordinator_of(tmp_path, made), **MODEL)
    for request, _ in made["S0"].carried:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        answer = await made["S1"].heard.site.handle_async_request(again)
        await answer.aread()
        assert_problem(answer, 401, "signature")


def _other(body: bytes = b"{}", status: int = 200) -> Change:
    return lambda _: httpx.Response(status, content=body)


def _with_status(status: int) -> Change:
    return lambda answer: httpx.Response(status, content=answer.content, headers=answer.headers)


def _refusal(_: httpx.Response) -> httpx.Response:
    told: dict[str, Any] = {"status": "refused", "code": "rare_level", "message": "no.", "rule": "G5"}
    return httpx.Response(403, json=told)


@pytest.mark.parametrize("path", ["about", "prepare", "contributions"])
@pytest.mark.parametrize(
    "change", [_other(), _with_status(201), _other(b"", 404), _refusal], ids=["body", "status", "unknown", "refusal"]
)
async def test_what_the_site_did_not_answer_is_refused_by_its_name(change: Change, path: str, tmp_path: Path) -> None:
    """A refusal that somebody else made up refuses nothing, and no body is parsed."""
    made: dict[str, httpx.AsyncBaseTransport] = dict(sites(tmp_path))
    made["S1"] = Between(sites(tmp_path)["S1"], change, path)
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert view["state"] == "failed"
    (problem,) = view["problems"]
    assert (problem["code"], problem["where"]) == ("site_answer", "S1")
    assert "not signed with its key in the consortium file" in problem["message"]


async def test_an_answer_to_the_question_before_is_none_to_this_one(tmp_path: Path) -> None:
    made: dict[str, Any] = dict(sites(tmp_path))
    first: list[httpx.Response] = []

    def earlier(answer: httpx.Response) -> httpx.Response:
        first.append(answer)
        return httpx.Response(first[0].status_code, content=first[0].content, headers=first[0].headers)

    made["S1"] = Between(made["S1"], earlier, "contributions")
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert len(first) == 2
    assert (view["state"], view["problems"][0]["where"]) == ("failed", "S1")
    assert "not signed" in view["problems"][0]["message"]


async def test_a_coordinator_with_another_key_is_told_that_its_signature_is_not_accepted(tmp_path: Path) -> None:
    made = sites(tmp_path)
    text = (tmp_path / FILE_NAME).read_text(encoding="utf-8")
    agreed = read_identity(tmp_path / "coordinator" / "identity").public_hex
    (tmp_path / "coordinator" / "identity").unlink()
    other = make_identity(tmp_path / "coordinator" / "identity").public_hex
    (tmp_path / FILE_NAME).write_text(text.replace(agreed, other), encoding="utf-8")
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert {problem["message"] for problem in view["problems"]} == {"it does not accept this coordinator's signature."}


def test_a_coordinator_starts_with_the_agreed_key_and_agreed_sites_only(tmp_path: Path) -> None:
    made = sites(tmp_path)
    coordinator_of(tmp_path, made)
    with pytest.raises(ConsortiumError, match="does not name `S9`"):
        coordinator_of(tmp_path, {**made, "S9": made["S0"]})
    (tmp_path / "coordinator" / "identity").unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        coordinator_of(tmp_path, made)
    make_identity(tmp_path / "coordinator" / "identity")
    with pytest.raises(ConsortiumError, match="its key of the coordinator is not the one"):
        coordinator_of(tmp_path, made)


async def test_without_a_consortium_file_nothing_is_signed_and_nothing_asks_for_it(tmp_path: Path) -> None:
    made = {name: Between(heard) for name, heard in real_sites(tmp_path, DICTIONARY, made_up(2).tables()).items()}
    view = await ended(coordinator_of(tmp_path, made), **MODEL)
    assert view["ended_with"], view["problem"]
    for between in made.values():
        for request, response in between.carried:
            assert SIGNATURE not in request.headers
            assert SIGNATURE not in response.headers
