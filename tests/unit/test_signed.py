"""A request is its coordinator's and for one site; an answer is its site's and to one request; no clock has a say."""

from dataclasses import replace

import pytest

from shared.signed import DIGEST, SIGNATURE, TIME, Asked, Correspondence, digest_of
from tests.unit.masked_sites import identity

COORDINATOR, SITE, OTHER = identity(), identity(), identity()
AT_COORDINATOR = Correspondence(COORDINATOR, SITE.public_hex)
AT_SITE = Correspondence(SITE, COORDINATOR.public_hex)
PATH = "/v1/analyses/k7mq/close"
ASKED = Asked("POST", PATH, "2026-11-28T10:00:00.000+00:00", digest_of(b"{}"))


def test_a_request_is_known_by_the_site_that_it_is_for() -> None:
    assert AT_SITE.is_request("POST", PATH, AT_COORDINATOR.sign_request(ASKED))


@pytest.mark.parametrize(
    ("method", "path", "change"),
    [
        ("GET", PATH, {}),
        ("POST", "/v1/analyses/other/close", {}),
        ("POST", PATH, {TIME: "2026-11-28T11:00:00.000+00:00"}),
        ("POST", PATH, {DIGEST: digest_of(b"[]")}),
        ("POST", PATH, {SIGNATURE: "0" * 128}),
        ("POST", PATH, {SIGNATURE: "no hexadecimal"}),
        ("POST", PATH, {SIGNATURE: ""}),
    ],
)
def test_a_request_that_is_changed_anywhere_is_not_the_coordinators(
    method: str, path: str, change: dict[str, str]
) -> None:
    assert not AT_SITE.is_request(method, path, AT_COORDINATOR.sign_request(ASKED) | change)


@pytest.mark.parametrize("missing", [SIGNATURE, TIME, DIGEST])
def test_a_request_without_one_of_the_headers_is_not_the_coordinators(missing: str) -> None:
    headers = AT_COORDINATOR.sign_request(ASKED)
    del headers[missing]
    assert not AT_SITE.is_request("POST", PATH, headers)


def test_a_request_to_one_site_does_for_no_other_and_one_of_somebody_else_for_none() -> None:
    assert not Correspondence(OTHER, COORDINATOR.public_hex).is_request(
        "POST", PATH, AT_COORDINATOR.sign_request(ASKED)
    )
    assert not AT_SITE.is_request("POST", PATH, Correspondence(OTHER, SITE.public_hex).sign_request(ASKED))


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", "whenever"])
def test_the_time_is_compared_with_no_clock(time: str) -> None:
    asked = replace(ASKED, time=time)
    assert AT_SITE.is_request("POST", PATH, AT_COORDINATOR.sign_request(asked))


def test_an_answer_is_its_sites_and_to_one_request_with_one_status_and_body() -> None:
    request = AT_COORDINATOR.sign_request(ASKED)[SIGNATURE]
    later = AT_COORDINATOR.sign_request(replace(ASKED, time="2026-11-28T10:00:00.001+00:00"))[SIGNATURE]
    signature = AT_SITE.sign_answer(request, 200, b"{}")
    assert AT_COORDINATOR.is_answer(request, 200, b"{}", signature)
    assert not AT_COORDINATOR.is_answer(later, 200, b"{}", signature)
    assert not AT_COORDINATOR.is_answer(request, 201, b"{}", signature)
    assert not AT_COORDINATOR.is_answer(request, 200, b"{ }", signature)
    assert not AT_COORDINATOR.is_answer(request, 200, b"{}", "")
    assert not Correspondence(COORDINATOR, OTHER.public_hex).is_answer(request, 200, b"{}", signature)


def test_a_request_cannot_be_taken_for_an_answer() -> None:
    """Where one key stood on both sides, its signature under the one would still be none under the other."""
    alone = Correspondence(COORDINATOR, COORDINATOR.public_hex)
    signature = alone.sign_request(ASKED)[SIGNATURE]
    assert not alone.is_answer(signature, 200, b"", signature)


def test_the_digest_is_that_of_rfc_9530() -> None:
    """Its example of section 3 (appendix D gives the body's bytes)."""
    assert digest_of(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
