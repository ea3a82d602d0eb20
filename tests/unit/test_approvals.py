"""A person approves one specification with one roster for a time, durably, by commands that a running site heeds."""

import json
import re
import shlex
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shared.errors import ApprovalError, DataError, RefusedError, RequestError, StoreError
from site_node.cli import app
from site_node.folder import NewSite, write_site
from site_node.page.model import model_in_words
from site_node.release.approval import SHORTEST, Request, binding, check_approved
from site_node.release.approvals import Approvals
from site_node.settings import load_settings
from tests.unit.smallest import SPECIFICATION

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OTHER = SPECIFICATION.model_copy(update={"tolerance": 1e-12})
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def approvals(tmp_path: Path, clock: Clock) -> Approvals:
    return Approvals(tmp_path / "approvals.db", "A", clock)


def asked(approvals: Approvals, analysis: str = "one") -> None:
    with pytest.raises(ApprovalError, match="nobody at the site has approved it yet") as caught:
        approvals.check(analysis, SPECIFICATION)
    assert (caught.value.code, bool(caught.value.remedy)) == ("awaiting_approval", True)


def test_what_nobody_has_approved_waits_and_is_asked_about_once(approvals: Approvals, clock: Clock) -> None:
    asked(approvals)
    clock.now += HOUR
    asked(approvals)
    (request,) = approvals.all()
    assert request == Request("one", SPECIFICATION, NOW)


def test_what_was_approved_passes_until_the_approval_expires(approvals: Approvals, clock: Clock) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    approvals.check("one", SPECIFICATION)
    clock.now = NOW + MONTH - timedelta(seconds=1)
    approvals.check("one", SPECIFICATION)
    clock.now = NOW + MONTH
    with pytest.raises(ApprovalError, match="has expired"):
        approvals.check("one", SPECIFICATION)
    approvals.approve("one", MONTH)
    approvals.check("one", SPECIFICATION)


def test_an_approval_lasts_a_day_at_least_so_that_an_hour_of_skew_decides_nothing(
    approvals: Approvals, clock: Clock
) -> None:
    asked(approvals)
    decision = approvals.approve("one", timedelta(0))
    assert decision.expires == NOW + SHORTEST == NOW + timedelta(hours=24)
    for skew in (-HOUR, HOUR):
        clock.now = NOW + skew
        approvals.check("one", SPECIFICATION)


def test_an_approval_is_of_this_analysis_this_specification_this_roster_and_this_expiry() -> None:
    expires = NOW + MONTH
    roster = SPECIFICATION.model_copy(update={"roster": (*SPECIFICATION.roster, "Thun")})
    hashes = {
        binding("one", SPECIFICATION, expires),
        binding("two", SPECIFICATION, expires),
        binding("one", OTHER, expires),
        binding("one", roster, expires),
        binding("one", SPECIFICATION, expires + HOUR),
    }
    assert len(hashes) == 5


def test_another_specification_is_not_what_was_approved(approvals: Approvals) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    with pytest.raises(DataError) as caught:
        approvals.check("one", OTHER)
    assert caught.value.code == "other_specification"
    request = approvals.find("one")
    with pytest.raises(ApprovalError, match="something else"):
        check_approved(request, OTHER, NOW)


def test_an_approval_of_one_analysis_is_none_of_another(approvals: Approvals) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    asked(approvals, "two")


@pytest.mark.parametrize(("column", "value"), [("expires", (NOW + 2 * MONTH).isoformat()), ("analysis", "two")])
def test_an_entry_that_is_changed_by_hand_approves_nothing(
    column: str, value: str, approvals: Approvals, tmp_path: Path
) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    with sqlite3.connect(tmp_path / "approvals.db") as connection:
        connection.execute(f"UPDATE requests SET {column} = ?", (value,))  # noqa: S608 -- the test's own words
    with pytest.raises(ApprovalError, match="something else"):
        approvals.check("two" if column == "analysis" else "one", SPECIFICATION)


def test_what_was_denied_is_refused_with_the_rule_and_the_reason_also_after_it_was_approved(
    approvals: Approvals,
) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    approvals.deny("one", "No ethics vote.")
    with pytest.raises(RefusedError, match=r"has denied it\. No ethics vote\.") as caught:
        approvals.check("one", SPECIFICATION)
    assert (caught.value.rule, caught.value.code) == ("approval", "denied")
    assert caught.value.remedy


def test_what_ended_undecided_cannot_be_decided_unless_it_is_asked_again(approvals: Approvals) -> None:
    asked(approvals)
    approvals.end("one", "failed")
    assert approvals.find("one").state(NOW) == "ended before anybody decided: failed"
    with pytest.raises(RequestError, match="ended before anybody decided"):
        approvals.approve("one", MONTH)
    with pytest.raises(RequestError, match="ended before anybody decided"):
        approvals.deny("one")
    asked(approvals)
    assert approvals.find("one").waits
    approvals.approve("one", MONTH)
    approvals.check("one", SPECIFICATION)


def test_an_ending_changes_no_decision_and_nothing_that_nobody_was_asked_about(approvals: Approvals) -> None:
    asked(approvals)
    decision = approvals.approve("one", MONTH)
    approvals.end("one", "converged")
    approvals.end("two", "failed")
    (request,) = approvals.all()
    assert request == Request("one", SPECIFICATION, NOW, decision)


def test_decisions_outlive_the_process_and_are_for_the_sites_user_only(approvals: Approvals, tmp_path: Path) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    again = Approvals(tmp_path / "approvals.db", "A", Clock())
    again.check("one", SPECIFICATION)
    assert (tmp_path / "approvals.db").stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_used_lets_nothing_pass_and_no_site_start(approvals: Approvals, tmp_path: Path) -> None:
    asked(approvals)
    approvals.approve("one", MONTH)
    (tmp_path / "approvals.db").write_bytes(b"no database " * 100)
    with pytest.raises(StoreError, match="cannot be read or written") as caught:
        approvals.check("one", SPECIFICATION)
    assert caught.value.remedy
    with pytest.raises(StoreError, match=r"approvals\.db"):
        Approvals(tmp_path / "approvals.db", "A")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site that asks a person, and was asked for one analysis."""
    place = tmp_path / "site"
    write_site(place, NewSite(name="A", data="data.csv", dictionary="dictionary.json"))
    settings = place / "site.toml"
    settings.write_text(settings.read_text("utf-8").replace("# approval =", "approval ="), encoding="utf-8")
    asked(site(place))
    return place


def site(folder: Path) -> Approvals:
    settings = load_settings(folder)
    assert settings.approval == "person"
    return Approvals(settings.approvals, settings.name)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["approvals", *map(str, words)], env={"COLUMNS": "200"})


def test_list_shows_what_waits_and_show_the_whole_specification(folder: Path) -> None:
    listed = run("list", folder)
    assert listed.exit_code == 0
    assert all(word in listed.stdout for word in ("one", "waits for a decision", *SPECIFICATION.roster))
    shown = run("show", folder, "one")
    assert SPECIFICATION.sha256 in shown.stdout
    assert f"What is explained: {model_in_words(SPECIFICATION).explained};" in shown.stdout
    assert json.loads(shown.stdout[shown.stdout.index("{") :]) == SPECIFICATION.model_dump(mode="json")


def test_approve_and_deny_are_heeded_by_a_site_that_runs(folder: Path) -> None:
    running = site(folder)
    approved = run("approve", folder, "one", "--days", 2)
    assert (approved.exit_code, "approved until" in approved.stdout) == (0, True)
    running.check("one", SPECIFICATION)
    decision = running.find("one").decision
    assert decision is not None
    assert decision.expires == decision.at + timedelta(days=2)
    denied = run("deny", folder, "one", "--reason", "No ethics vote.")
    assert (denied.exit_code, "denied. No ethics vote" in denied.stdout) == (0, True)
    with pytest.raises(RefusedError, match="No ethics vote"):
        running.check("one", SPECIFICATION)


def test_what_ended_undecided_is_listed_so_and_no_command_decides_it(folder: Path) -> None:
    site(folder).end("one", "failed")
    assert "ended before anybody decided: failed" in run("list", folder).stdout
    for command in ("approve", "deny"):
        done = run(command, folder, "one")
        assert (done.exit_code, "ended before anybody decided" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["show", "approve", "deny"])
def test_an_analysis_that_nobody_asked_about_is_told(command: str, folder: Path) -> None:
    done = run(command, folder, "two")
    assert done.exit_code == 2
    assert "nobody asked about such an analysis" in done.stderr


def test_a_site_that_asks_nobody_says_so(tmp_path: Path) -> None:
    write_site(tmp_path, NewSite(name="A", data="data.csv", dictionary="dictionary.json"))
    assert load_settings(tmp_path).approval == "automatic"
    done = run("list", tmp_path)
    assert done.exit_code == 2
    assert "nobody is asked here" in done.stderr
    assert not (tmp_path / "approvals.db").exists()


def test_the_commands_of_the_page_are_commands(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    written = re.findall(r"^    fedglmm-site (approvals .*)$", page, re.MULTILINE)
    assert len(written) == 4
    for words in written:
        _, *named = shlex.split(words, comments=True)
        done = run(*({"FOLDER": folder, "ID": "one"}.get(word, word) for word in named))
        assert done.exit_code == 0, done.output
