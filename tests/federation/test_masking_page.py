"""docs/masking.md is enough to check a recorded fit to the byte: `recorded.py` is written from the page."""

import json
import sqlite3
import tomllib
from base64 import b64decode
from contextlib import closing
from hashlib import sha256
from itertools import pairwise
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.consortium import FILE_NAME
from shared.specification import Specification
from site_node.settings import KEPT_NAME
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import coordinator_of, ended, real_sites
from tests.federation.recorded import WRAP, Recorded, Spied, climbed, floats, framed, leaf, mask, signed, stream

MODELS: list[dict[str, Any]] = [
    {"formula": "d ~ x + (1 | site) + (1 | clinic)"},
    {"formula": "y ~ x + (1 + x | site)", "family": "gaussian", "reml": True},
]
ROWS = 45
"""Of each site."""


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model["formula"])
def fit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    made = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), masked=True)
    sites = {name: Spied(heard.settings) for name, heard in made.items()}

    async def run() -> dict[str, Any]:
        return await ended(coordinator_of(folder, sites), **request.param)

    view = anyio.run(run)
    assert view["ended_with"], view["problem"]
    specification = Specification.model_validate(view["ended_with"]["specification"])
    return Recorded(folder, sites, specification, view["ended_with"])


def test_the_hashes_are_those_of_the_json_that_the_page_describes(fit: Recorded) -> None:
    def hashed(told: dict[str, Any]) -> str:
        return sha256(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

    agreed = tomllib.loads((fit.folder / FILE_NAME).read_text(encoding="utf-8"))
    order = ("name", "dictionary_sha256", "minimum_sites", "two_sites_consent", "coordinator", "sites")
    consortium = {name: agreed[name] for name in order} | {"sites": dict(sorted(agreed["sites"].items()))}
    asked, answer = fit.sites["S0"].asked("prepare")[0]
    assert answer["join"]["consortium_sha256"] == hashed(consortium)
    assert answer["join"]["specification_sha256"] == hashed(asked["specification"])


def test_every_site_signed_what_the_page_says(fit: Recorded) -> None:
    agreed = tomllib.loads((fit.folder / FILE_NAME).read_text(encoding="utf-8"))
    for join in fit.joins:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(agreed["sites"][join["site"]]["public_key"]))
        key.verify(bytes.fromhex(join["signature"]), framed("fedglmm join 1", signed(join)))


def test_with_its_key_each_answer_is_the_sites_own_numbers_and_their_sum_is_that_of_what_was_sent(
    fit: Recorded,
) -> None:
    for number, state in enumerate([None, *list(fit.states())[:-1]]):
        context = fit.context(number, state)
        sent = fit.sent(number)
        own = [
            [(one - hidden) % WRAP for one, hidden in zip(y, mask(fit, place, context, len(y)), strict=True)]
            for place, y in enumerate(sent)
        ]
        for numbers in own:
            assert numbers[0] == 2**64
            assert number or numbers[1:5] == [0, ROWS * 2**64, 0, 2**64]
        assert [sum(column) % WRAP for column in zip(*own, strict=True)] == [
            sum(column) % WRAP for column in zip(*sent, strict=True)
        ]


def test_each_proof_leads_from_a_sites_answer_to_the_root_over_all_of_them(fit: Recorded) -> None:
    last = len(fit.sites["S0"].asked("contributions")) - 1
    for place, name in enumerate(fit.names):
        questions = [asked for asked, _ in fit.sites[name].asked("contributions")[1:]]
        proofs = [asked["proof"] for asked in [*questions, fit.sites[name].asked("close")[0][0]]]
        for number, proof in zip(range(last + 1), proofs, strict=True):
            assert proof["root"] == fit.root(number).hex()
            own = leaf(place, fit.sent(number)[place])
            assert climbed(own, place, len(fit.names), b64decode(proof["path"])) == fit.root(number)


def test_every_psi_that_was_asked_for_is_the_steps(fit: Recorded) -> None:
    states = list(fit.states())
    for heard in fit.sites.values():
        asked = [(question["psi"], question["basis"]) for question, _ in heard.asked("contributions")[1:]]
        assert asked == [(state.psi.tolist(), state.basis.ravel().tolist()) for state in states[:-1]]
    assert all(before.ending is None for before, _ in pairwise(states))
    assert states[-1].ending is not None
    assert states[-1].ending.value == fit.result["convergence"]["outcome"]


def test_every_site_signed_the_result_that_the_step_ends_with(fit: Recorded) -> None:
    *_, state = fit.states()
    agreed = tomllib.loads((fit.folder / FILE_NAME).read_text(encoding="utf-8"))
    last = len(fit.sites["S0"].asked("contributions")) - 1
    numbers = (floats(state.psi.tolist()), floats(state.basis.ravel().tolist()))
    told = framed(fit.session, fit.root(last), fit.result["convergence"]["outcome"], *numbers)
    for name in fit.names:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(agreed["sites"][name]["public_key"]))
        signature = fit.sites[name].asked("close")[0][1]["signature"]
        key.verify(bytes.fromhex(signature), framed("fedglmm result 1", told))


def test_whoever_has_the_keys_of_all_other_sites_has_the_last_ones_numbers(fit: Recorded) -> None:
    """So the page says: a site hides among the honest ones."""
    context = fit.context(0)
    numbers = fit.sent(0)[0]
    for other in range(1, len(fit.names)):
        shared = stream(fit, other, 0, context, len(numbers))
        numbers = [(one + added) % WRAP for one, added in zip(numbers, shared, strict=True)]
    assert numbers[:5] == [2**64, 0, ROWS * 2**64, 0, 2**64]


def test_at_the_end_a_sites_key_is_gone_from_its_file_with_all_that_it_could_open(fit: Recorded) -> None:
    for heard in fit.sites.values():
        assert heard.settings.identity_file is not None
        kept = heard.settings.identity_file.with_name(KEPT_NAME)
        for file in kept.parent.glob(f"{KEPT_NAME}*"):
            assert heard.secret not in file.read_bytes()
        with closing(sqlite3.connect(kept)) as opened:
            assert {kind for (kind,) in opened.execute("SELECT kind FROM kept")} == {"join", "answer", "end"}
