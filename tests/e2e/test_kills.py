"""`kill -9` of the coordinator or of a site, at any moment: the analysis goes on and ends with the same bits.

The same bits: every round's psi and sum in the database, and the result. Only its rounds' seconds may differ; it holds no id
and no time of day.
"""

import pytest

from tests.e2e.small_federation import Bits, Federation

PHASES = [
    ("prepare", "answer"),
    ("start", "answer"),
    ("2", "question"),
    ("2", "answer"),
    ("close", "question"),
    ("close", "answer"),
]


@pytest.fixture(scope="module")
def undisturbed(federation: Federation) -> Bits:
    bits = federation.fitted()
    effects = [row["level"] for row in bits[1]["tidy"] if row["effect"] == "ran_vals"]
    assert effects == ["Aarau", "Bern", "Chur"], "a fit whose close matters"
    return bits


@pytest.mark.parametrize(("step", "where"), PHASES)
def test_a_coordinator_killed_in_any_phase_ends_with_the_same_bits(
    federation: Federation, undisturbed: Bits, step: str, where: str
) -> None:
    with federation.gates["Bern"].holding(step, where) as held:
        analysis = federation.submit()
        held.wait()
        federation.restart_coordinator()
    assert federation.bits(analysis) == undisturbed


def test_a_coordinator_killed_inside_every_round_in_turn_ends_with_the_same_bits(
    federation: Federation, undisturbed: Bits
) -> None:
    gate, rounds = federation.gates["Chur"], len(undisturbed[0])
    assert rounds >= 4
    held = gate.hold("1")
    try:
        analysis = federation.submit()
        for number in range(1, rounds + 1):
            held.wait()
            assert federation.view(analysis)["round"] == number - 1
            following = gate.hold(str(number + 1))  # before the restart: the next round may come at once
            federation.restart_coordinator()
            held.lose()
            held = following
    finally:
        gate.open()
    assert federation.bits(analysis) == undisturbed


@pytest.mark.parametrize(("step", "where"), PHASES)
def test_a_site_killed_in_any_phase_is_waited_for_by_name_and_ends_with_the_same_bits(
    federation: Federation, undisturbed: Bits, step: str, where: str
) -> None:
    site, gate = federation.sites["Bern"], federation.gates["Bern"]
    before = site.log.count('"event": "prepared"')
    with gate.holding(step, where) as held:
        analysis = federation.submit()
        held.wait()
        site.kill()
        held.lose()
        paused = federation.until(analysis, "paused")
    site.start()
    assert paused["waiting_for"] == ["Bern"]
    assert paused["since"] >= paused["created_at"]
    assert federation.bits(analysis) == undisturbed
    assert site.log.count('"event": "prepared"') > before


def test_a_site_killed_after_it_has_closed_ends_with_the_same_bits(federation: Federation, undisturbed: Bits) -> None:
    with federation.gates["Bern"].holding("close") as held:
        analysis = federation.submit()
        held.wait()
        federation.sites["Bern"].kill()
        federation.sites["Bern"].start()
    assert federation.bits(analysis) == undisturbed


def test_everything_killed_at_once_ends_with_the_same_bits(federation: Federation, undisturbed: Bits) -> None:
    with federation.gates["Aarau"].holding("3") as held:
        analysis = federation.submit()
        held.wait()
        for server in (federation.coordinator, *federation.sites.values()):
            server.kill()
    for site in federation.sites.values():
        site.launch()
    federation.restart_coordinator()
    assert federation.bits(analysis) == undisturbed
