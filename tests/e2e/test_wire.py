"""`fedglmm rehearse --wire` shows whoever has to answer for the rows what leaves: under masks nothing of a site's."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.masking.encoding import decode
from shared.masking.messages import MaskedReply
from tests.e2e.commands import DATA, run
from tests.federation.paragraphs import Exchange, exchanges

FILE = DATA / "contraception.csv"
MODEL = ("--site", "livch", "use ~ age + urban + (1 | site)")
NOT_OF_THE_ROWS = {"round", "protocol_version", "protocol_min", "protocol_max"}
"""Numbers of the protocol."""


def rehearsed(path: Path, *options: str) -> list[Exchange]:
    done = run("fedglmm", "rehearse", str(FILE), *MODEL, "--wire", str(path), *options)
    assert done.returncode == 0, done.stderr
    return exchanges(path)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> list[Exchange]:
    return rehearsed(tmp_path_factory.mktemp("masked") / "wire.txt")


@pytest.fixture(scope="module")
def unmasked(tmp_path_factory: pytest.TempPathFactory) -> list[Exchange]:
    return rehearsed(tmp_path_factory.mktemp("unmasked") / "wire.txt", "--unmasked")


def numbers(value: Any, name: str = "") -> Iterator[float]:
    """Every number of a message, but those of the protocol itself."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, name)
    elif isinstance(value, int | float) and name not in NOT_OF_THE_ROWS:
        yield value


def told(wire: list[Exchange]) -> list[float]:
    """Every number that sites told in the open."""
    return [number for one in wire for number in numbers(json.loads(one.answer))]


def fingerprints(wire: list[Exchange]) -> set[str]:
    return {json.loads(one.answer)["fingerprint"] for one in wire if one.path == "about"}


def test_both_rehearsals_have_every_exchange_from_the_first_question_to_the_last(
    masked: list[Exchange], unmasked: list[Exchange]
) -> None:
    for wire in (masked, unmasked):
        assert {one.status for one in wire} == {"200"}
        for site in ("0", "1", "2", "3+"):
            asked, *_, last = [one.path for one in wire if one.site == site]
            assert (asked, last) == ("about", "close")
        assert [one.facts[0] for one in wire if one.site == "0"] == sorted(
            one.facts[0] for one in wire if one.site == "0"
        )


def test_unmasked_every_sites_numbers_are_there_to_be_read(unmasked: list[Exchange]) -> None:
    """So that the test of masks looks for what is there without them: counts that add up to the rows, sums, effects."""
    counted = [json.loads(one.answer)["counts"]["rows"] for one in unmasked if one.path == "prepare"]
    assert sum(counted) == len(FILE.read_text().splitlines()) - 1
    assert len(told(unmasked)) > 4 * (3 + 10 + 6 * 10)
    assert all(one.left.startswith("its own effect") for one in unmasked if one.path == "close")


def test_masked_no_count_no_sum_and_no_estimate_of_a_site_is_there(
    masked: list[Exchange], unmasked: list[Exchange]
) -> None:
    assert told(masked) == []
    text = "\n".join(one.request + one.answer for one in masked)
    assert not [number for number in told(unmasked) if not float(number).is_integer() and repr(number) in text]


def test_masked_numbers_are_as_large_as_noise_is_and_never_the_same_twice(masked: list[Exchange]) -> None:
    """A sum of this file's rows is far below 2^40 in size; of noise one in eight million is."""
    noise = [MaskedReply.model_validate_json(one.answer) for one in masked if one.path == "contributions"]
    entries = np.concatenate([decode(one.fixed) for one in noise])
    assert len(entries) > 300
    assert np.all(np.abs(entries) > 2.0**40)
    assert len(set(entries)) == len(entries)


def test_no_fingerprint_of_a_value_is_there(masked: list[Exchange], unmasked: list[Exchange]) -> None:
    """No cell's, row's or file's hash; and the fingerprint of the same rows is another one under another key."""
    with FILE.open(newline="") as file:
        rows = list(csv.reader(file))
    texts = {cell for row in rows for cell in row} | {",".join(row) for row in rows} | {FILE.read_text()}
    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in texts}
    answers = "\n".join(one.answer for one in masked)
    assert not [digest for digest in hashes if digest in answers]
    assert not fingerprints(masked) & fingerprints(unmasked)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "wire.txt"
    path.write_text("mine", encoding="utf-8")
    done = run("fedglmm", "rehearse", str(FILE), *MODEL, "--wire", str(path))
    assert done.returncode == 2
    assert "the file is there already" in done.stderr
    assert path.read_text(encoding="utf-8") == "mine"
