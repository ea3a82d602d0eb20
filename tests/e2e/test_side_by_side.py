"""Several analyses over the same sites: none disturbs another, and a cancelled one makes room."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import httpx
import pytest

from tests.e2e.small_federation import Bits, Federation, Server, eventually, key, small_federation

OTHER = {"formula": "y ~ x + I(x^2)"}


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with small_federation(tmp_path_factory.mktemp("side"), running_at_once=2) as running:
        yield running


@pytest.fixture(scope="module")
def alone(federation: Federation) -> tuple[Bits, Bits]:
    return federation.fitted(), federation.fitted(**OTHER)


def test_two_analyses_at_once_end_with_the_same_bits_as_alone_and_a_third_waits_and_then_runs(
    federation: Federation, alone: tuple[Bits, Bits]
) -> None:
    gate = federation.gates["Bern"]
    with gate.holding("2") as one, gate.holding("2") as another:
        first, second, third = federation.submit(), federation.submit(**OTHER), federation.submit()
        one.wait()
        another.wait()
        states = [federation.view(analysis)["state"] for analysis in (first, second, third)]
    assert states == ["running", "running", "submitted"]
    assert (federation.bits(first), federation.bits(second), federation.bits(third)) == (*alone, alone[0])


def test_cancelling_inside_a_round_that_hangs_reaches_the_sites_and_makes_room_for_the_next(
    federation: Federation, alone: tuple[Bits, Bits]
) -> None:
    gate = federation.gates["Bern"]
    with ExitStack() as hung:
        held = [hung.enter_context(gate.holding("2")) for _ in range(2)]
        cancelled, other, waiting = (federation.submit() for _ in range(3))
        for hold in held:
            hold.wait()
        assert federation.view(waiting)["state"] == "submitted"
        answer = federation.http.delete(f"/analyses/{cancelled}")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        assert federation.bits(waiting) == alone[0]
        for name, site in federation.sites.items():
            eventually(partial(forgotten, cancelled, site))
            assert asked(federation, name, cancelled).json()["code"] == "unknown_analysis"
        assert federation.view(other)["state"] == "running"
    assert federation.bits(other) == alone[0]
    assert (federation.view(cancelled)["state"], len(federation.rounds(cancelled))) == ("cancelled", 1)


def forgotten(analysis: str, site: Server) -> bool:
    """Whether a site's log says that the analysis was cancelled."""
    return any('"closed"' in line and analysis in line and '"cancelled"' in line for line in site.log.splitlines())


def asked(federation: Federation, site: str, analysis: str) -> httpx.Response:
    """What a site says to the start of an analysis."""
    url = f"{federation.gates[site].url}/v1/analyses/{analysis}/contributions"
    body = {"kind": "start", "round": 0, "specification_sha256": "0" * 64}
    response = httpx.post(url, json=body, headers={"Authorization": f"Bearer {key(site)}"})
    assert response.status_code == 404
    return response
