"""`fedglmm verify` passes what every site signed and no change of it, and says by name what is wrong."""

import asyncio
import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coordinator.client.cli import app
from shared.consortium import FILE_NAME
from shared.masking.result import Signed
from shared.masking.session import Join
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import coordinator_of, ended, real_sites

MODEL = {"formula": "y ~ x + (1 + x | site)", "family": "gaussian", "title": "a title"}
"""Its table has all kinds of estimates: fixed effects, standard deviations, a correlation, a dispersion."""
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a result of three sites, and the consortium file."""
    place = tmp_path_factory.mktemp("verify")
    made = real_sites(place, DICTIONARY, made_up(sites=3).tables(), masked=True)
    view = asyncio.run(ended(coordinator_of(place, made), **MODEL))
    assert view["ended_with"], view["problem"]
    (place / "result.json").write_text(json.dumps(view["ended_with"]), encoding="utf-8")
    return place


def verified(folder: Path, change: Change | None = None, consortium: str = FILE_NAME) -> tuple[int, str]:
    """The command's exit code and words for the result, changed or not."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    if change is not None:
        before = copy.deepcopy(result)
        change(result)
        assert result != before
    (folder / "given.json").write_text(json.dumps(result), encoding="utf-8")
    given = ["verify", str(folder / "given.json"), "--consortium", str(folder / consortium)]
    done = CliRunner().invoke(app, given)
    return done.exit_code, " ".join(done.output.split())


def within(*path: str | int, to: Any) -> Change:
    """Sets an entry, or what a function makes of it."""

    def change(result: dict[str, Any]) -> None:
        *outer, last = path
        place: Any = result
        for key in outer:
            place = place[key]
        place[last] = to(place[last]) if callable(to) else to

    return change


def both(*changes: Change) -> Change:
    def change(result: dict[str, Any]) -> None:
        for one in changes:
            one(result)

    return change


def other_digit(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


def without_last(entries: list[Any]) -> list[Any]:
    return entries[:-1]


def test_what_every_site_signed_passes_and_is_told_in_words(folder: Path) -> None:
    code, words = verified(folder)
    assert code == 0, words
    assert "Every site of the roster signed: S0, S1, S2." in words
    assert f"`{MODEL['formula']}` (gaussian, identity), the sums of all of them led by the agreed step to" in words
    assert "to the 6 parameters that the estimates are made of" in words
    told = "Standard errors, counts, log-likelihoods, warnings and the sites' own effects are the coordinator's word."
    assert told in words


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (within("title", to="another"), "title"),
        (within("formula", to="y ~ 1"), "formula"),
        (within("family", to="poisson"), "family"),
        (within("link", to="log"), "link"),
        (within("specification_sha256", to="0" * 64), "specification_sha256"),
        (within("roster", to=without_last), "roster"),
        (within("roster", 1, "site", to="S9"), "roster"),
        (within("convergence", "outcome", to="boundary"), "convergence.outcome"),
    ],
)
def test_what_a_reader_looks_at_is_what_was_signed(folder: Path, change: Change, place: str) -> None:
    code, words = verified(folder, change)
    assert (code, words.split(": ")[1:3]) == (
        1,
        [place, "it is not what the sites signed. Do not use it; export the result anew, and ask who changed it."],
    )


@pytest.mark.parametrize("effect", ["fixed", "ran_pars"])
def test_every_estimate_is_held_to_the_signed_parameters(folder: Path, effect: str) -> None:
    """A fixed effect to the last bit, one that is computed to nine digits; a row more, less or renamed is found too."""
    rows = json.loads((folder / "result.json").read_text(encoding="utf-8"))["tidy"]
    places = [n for n, row in enumerate(rows) if row["effect"] == effect]
    assert len(places) == {"fixed": 2, "ran_pars": 4}[effect]
    for place in places:
        off = math.nextafter(rows[place]["estimate"], math.inf) if effect == "fixed" else rows[place]["estimate"] + 1e-6
        for change in (
            within("tidy", place, "estimate", to=off),
            within("tidy", place, "estimate", to=None),
            within("tidy", place, "term", to="another"),
            within("tidy", place, "effect", to="ran_vals"),
            within("tidy", to=lambda table, place=place: [*table, table[place]]),
        ):
            code, words = verified(folder, change)
            assert (code, "it is not what the sites signed" in words) == (1, True), words


def test_a_result_whose_estimates_were_taken_out_does_not_pass(folder: Path) -> None:
    code, words = verified(folder, within("tidy", to=[]))
    assert (code, "tidy, the rows of fixed: it is not what the sites signed" in words) == (1, True), words


OTHER: dict[str, Any] = {
    "session": other_digit,
    "root": other_digit,
    "outcome": "separated",
    "psi": lambda psi: [psi[0] + 1e-9, *psi[1:]],
    "basis": lambda basis: [basis[0] + 1e-9, *basis[1:]],
}


@pytest.mark.parametrize("field", Signed.model_fields)
def test_every_field_that_is_signed_at_the_end_is_held_to_the_signatures(folder: Path, field: str) -> None:
    """Also where what is shown is changed along with it."""
    change = within("countersigned", "signed", field, to=OTHER[field])
    if field == "outcome":
        change = both(change, within("convergence", "outcome", to="separated"))
    if field == "psi":
        change = both(change, within("tidy", 0, "estimate", to=lambda estimate: estimate + 1e-9))
    code, words = verified(folder, change)
    assert code == 1
    assert ("not that of what the sites took part in" if field == "session" else "S0: its signature is not of") in words


JOINED: dict[str, Any] = {
    "protocol_version": 1,
    "consortium_sha256": other_digit,
    "analysis": "another",
    "specification_sha256": other_digit,
    "roster": without_last,
    "site": "S9",
    "fingerprint": other_digit,
    "expires": "2031-01-01T00:00:00Z",
    "public_key": other_digit,
    "signature": other_digit,
}


@pytest.mark.parametrize("field", Join.model_fields)
@pytest.mark.parametrize("place", [0, 2])
def test_every_field_that_a_site_took_part_in_is_held_to_its_signature(folder: Path, field: str, place: int) -> None:
    code, words = verified(folder, within("countersigned", "joins", place, field, to=JOINED[field]))
    culprit = "S9" if field == "site" else f"S{place}"
    assert (code, words.startswith(f"fedglmm: {culprit}: ")) == (1, True), words


@pytest.mark.parametrize("where", ["specification", "everywhere"])
def test_another_model_than_the_sites_agreed_to_is_named(folder: Path, where: str) -> None:
    change = within("specification", "title", to="another")
    if where == "everywhere":
        change = both(change, within("title", to="another"))
    code, words = verified(folder, change)
    assert code == 1
    assert "its specification is another one" in words


def test_a_site_that_did_not_sign_is_named(folder: Path) -> None:
    code, words = verified(folder, lambda result: result["countersigned"]["signatures"].pop("S1"))
    assert code == 1
    assert "S1: it did not sign the result." in words


def test_a_site_that_is_left_out_everywhere_is_missed_by_the_others(folder: Path) -> None:
    """A smaller roster is not what they agreed to."""

    def change(result: dict[str, Any]) -> None:
        result["roster"].pop()
        result["specification"]["roster"].pop()
        result["countersigned"]["joins"].pop()
        result["countersigned"]["signatures"].pop("S2")

    code, words = verified(folder, change)
    assert code == 1
    assert "its specification is another one" in words


def test_a_signature_in_another_sites_place_is_none(folder: Path) -> None:
    def change(result: dict[str, Any]) -> None:
        signatures = result["countersigned"]["signatures"]
        signatures["S1"] = signatures["S2"]

    code, words = verified(folder, change)
    assert (code, "S1: its signature is not of this result" in words) == (1, True)


def test_another_consortium_file_is_named_with_both_hashes(folder: Path) -> None:
    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    (folder / "other.toml").write_text(text.replace("made up", "made otherwise"), encoding="utf-8")
    code, words = verified(folder, consortium="other.toml")
    assert code == 1
    assert "S0: it took part under another consortium file: " in words


def test_an_open_result_was_signed_by_nobody(folder: Path) -> None:
    code, words = verified(folder, within("countersigned", to=None))
    assert (code, "no site has signed it" in words) == (1, True)


@pytest.mark.parametrize("content", [None, "", "{}", '{"formula": "y ~ x"}'])
def test_a_file_that_is_no_result_is_a_wrong_file_and_no_judgement(folder: Path, content: str | None) -> None:
    file = folder / "nothing.json"
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_text(content, encoding="utf-8")
    done = CliRunner().invoke(app, ["verify", str(file), "--consortium", str(folder / FILE_NAME)])
    assert done.exit_code == 2
    assert "fedglmm export" in done.output
