"""A site whose data or key change in the middle of an analysis ends it by name; nothing of the changed data is used."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.small_federation import Bits, Federation, key


@pytest.fixture(scope="module")
def undisturbed(federation: Federation) -> Bits:
    return federation.fitted()


@pytest.fixture
def data(federation: Federation, undisturbed: Bits) -> Iterator[Path]:
    """Bern's file, which is put back afterwards: then an analysis has the old bits again."""
    file = federation.data("Bern")
    before = file.read_bytes()
    yield file
    file.write_bytes(before)
    assert federation.fitted() == undisturbed


def change_a_row(file: Path) -> None:
    header, row, *rest = file.read_text().splitlines(keepends=True)
    y, x = row.split(",")
    file.write_text("".join([header, f"{1 - int(y)},{x}", *rest]))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("step", ["start", "3"])
def test_data_that_change_during_an_analysis_end_it_by_name_and_are_not_used(
    federation: Federation, undisturbed: Bits, data: Path, step: str, restarted: bool
) -> None:
    with federation.gates["Bern"].holding(step, "question") as held:
        analysis = federation.submit()
        held.wait()
        change_a_row(data)
        if restarted:
            federation.sites["Bern"].kill()
            federation.sites["Bern"].start()
    view = federation.until(analysis, "refused")
    told = (
        ("its data have changed during the analysis.", "Submit the analysis again.")
        if restarted
        else ("the data: the site's data have changed since the analysis began.", "Start a new analysis.")
    )
    assert view["problem"]["where"] == "Bern"
    assert (view["problem"]["message"], view["problem"]["remedy"]) == told
    assert view["links"]["result"] is None
    assert federation.rounds(analysis) == undisturbed[0][: 0 if step == "start" else 2]


def test_a_file_that_is_written_again_with_the_same_content_changes_nothing(
    federation: Federation, undisturbed: Bits, data: Path
) -> None:
    with federation.gates["Bern"].holding("2", "question") as held:
        analysis = federation.submit()
        held.wait()
        data.write_bytes(data.read_bytes())
    assert federation.bits(analysis) == undisturbed


def test_a_data_file_that_vanishes_ends_the_analysis_by_name(federation: Federation, data: Path) -> None:
    with federation.gates["Bern"].holding("2", "question") as held:
        analysis = federation.submit()
        held.wait()
        content = data.read_bytes()
        data.unlink()
    view = federation.until(analysis, "refused")
    data.write_bytes(content)
    assert (view["problem"]["where"], view["round"]) == ("Bern", 1)
    assert "data.csv: the data file is not there." in view["problem"]["message"]


def test_a_key_that_is_stale_after_the_site_changed_it_ends_the_analysis_by_name(
    federation: Federation, undisturbed: Bits
) -> None:
    site, file = federation.sites["Chur"], federation.folder / "sites" / "Chur" / "key"
    with federation.gates["Chur"].holding("2", "question") as held:
        analysis = federation.submit()
        held.wait()
        site.kill()
        file.write_text("another-key-of-chur")
        site.start()
    view = federation.until(analysis, "failed")
    assert (view["problem"]["where"], view["problem"]["code"]) == ("Chur", "site_answer")
    assert view["problem"]["message"] == "it does not accept this coordinator's key."
    assert view["problem"]["remedy"] == "Compare the key files of both sides."
    assert "key-of" not in json.dumps(view) + site.log + federation.coordinator.log
    site.kill()
    file.write_text(key("Chur"))
    site.start()
    assert federation.fitted() == undisturbed
