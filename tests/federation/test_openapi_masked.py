"""A site with a consortium file is as its description says, too: joins, proofs and masked rounds that fit it, and others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import schemathesis
from schemathesis import GenerationMode

from coordinator.request import resolve
from shared.consortium import FILE_NAME
from shared.dictionary import read_dictionary
from shared.request import AnalysisRequest
from shared.signed import Correspondence
from shared.specification import Specification
from site_node.app import create_app
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, real_sites
from tests.federation.test_openapi import AUTHORISED, KEY, SITE, answered_as_described, fuzzed, in_a_thread, operation
from tests.federation.test_signed import by, question

ANALYSIS = "one"
LABELS = [label for label in SITE if label.endswith(("contributions", "close"))]
"""What differs under masks; last of all the close, after which nothing is answered."""


@dataclass(frozen=True)
class Signing(requests.auth.AuthBase):
    """Shows the key, and signs as the coordinator of the consortium does."""

    words: Correspondence

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes), "a stream could not be signed before it is sent"
        path = unquote(urlsplit(request.url or "").path)
        request.headers.update(AUTHORISED | self.words.sign_request(question(request.method or "", path, content)))
        return request


@dataclass(frozen=True)
class Member:
    """A site under masks that has prepared an analysis with two others."""

    url: str
    auth: Signing
    schema: Any
    specification: Specification
    joins: list[dict[str, Any]]

    def post(self, what: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(f"{self.url}/v1/analyses/{ANALYSIS}/{what}", json=body, auth=self.auth, timeout=60)

    def start(self) -> dict[str, Any]:
        """What gets an answer."""
        sha256 = self.specification.sha256
        return {"kind": "start", "round": 0, "specification_sha256": sha256, "joins": self.joins}


def specification_in(folder: Path, sites: dict[str, Heard]) -> Specification:
    dictionary = read_dictionary(folder / "dictionary.json")
    request = AnalysisRequest(formula="d ~ x + (1 | site)", family="binomial")
    return resolve(request, dictionary, tuple(sites)).model_copy(update={"masked": True})


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    folder = tmp_path_factory.mktemp("members")
    sites = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), masked=True)
    assert (folder / FILE_NAME).exists()
    (folder / "key").write_text(KEY, encoding="utf-8")
    specification = specification_in(folder, sites)
    joins: list[dict[str, Any]] = []
    for site in reversed(sites.values()):
        with in_a_thread(create_app(site.settings.model_copy(update={"key_file": folder / "key"}))) as url:
            schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
            made = Member(url, Signing(by(folder, site)), schema, specification, joins)
            accepted = made.post("prepare", {"specification": specification.model_dump(mode="json")})
            joins.append(accepted.json()["join"])
            if len(joins) == len(sites):
                yield made


def test_what_the_sites_signed_gets_an_answer_under_masks_and_the_same_again(member: Member) -> None:
    """So what is asked below reaches further than what is missing."""
    first, again = (member.post("contributions", member.start()) for _ in range(2))
    assert first.json()["kind"] == "masked"
    assert again.content == first.content


@pytest.mark.parametrize("part", ["signature", "public_key", "fingerprint", "expires", "site", "roster", "analysis"])
def test_a_join_that_was_changed_is_a_problem_and_no_fault(member: Member, part: str) -> None:
    other: dict[str, Any] = {"expires": "2030-01-01T00:00:00Z", "site": "S9", "roster": ["S0"], "analysis": "two"}
    first, *rest = member.joins
    changed = first | {part: other.get(part, first[part][::-1])}
    answer = member.post("contributions", member.start() | {"joins": [changed, *rest]})
    assert (answer.status_code, answer.json()["code"]) == (422, "join")


@pytest.mark.parametrize("label", LABELS)
def test_whatever_joins_and_proofs_are_shown_to_a_member_it_answers_as_described(member: Member, label: str) -> None:
    def act(case: Any) -> None:
        if "specification_sha256" in case.body:
            case.body["specification_sha256"] = member.specification.sha256
        # nobody has signed what was made up
        answer = answered_as_described(case, beyond_the_schema=True, auth=member.auth)
        assert answer.status_code != 401

    one = operation({"site": member.schema}, "site", label)
    fuzzed(one, GenerationMode.POSITIVE, act, path_parameters={"analysis_id": ANALYSIS})


@pytest.mark.parametrize("label", LABELS)
def test_what_does_not_fit_the_description_a_member_refuses_as_it_says(member: Member, label: str) -> None:
    one = operation({"site": member.schema}, "site", label)
    fuzzed(
        one,
        GenerationMode.NEGATIVE,
        lambda case: answered_as_described(case, beyond_the_schema=False, auth=member.auth),
    )
