"""Windows pass with time and not with a machine's clock, as far as a site can tell them apart."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.errors import RefusedError
from shared.specification import Specification
from site_node.app import create_app
from site_node.release.budget import Budget
from site_node.release.clock import SKEW_SECONDS, OwnClock
from site_node.release.gate import Gate
from site_node.release.history import History
from tests.federation.one_site import Site
from tests.unit.smallest import SPECIFICATION

SECRET = b"known-to-the-site-alone"
DAY = 86400.0
NOW = 20_000 * DAY


@dataclass
class Machine:
    """Its two clocks; a site on it takes one model a window."""

    file: Path
    wall: float = NOW
    up: float = 0.0

    def site(self) -> Gate:
        """The site, started now."""
        history = History(self.file, SECRET)
        with history.writing() as kept:
            newest = kept.newest()
        clock = OwnClock.after(newest, "A", wall=lambda: self.wall, elapsed=lambda: self.up)
        return Gate(history, Budget(specifications=1), clock)

    def passes(self, seconds: float) -> None:
        """Time goes by."""
        self.wall += seconds
        self.up += seconds


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "history.db")


def model(title: str) -> Specification:
    return SPECIFICATION.model_copy(update={"title": title})


def takes(site: Gate, title: str) -> bool:
    try:
        site.admit(title, model(title), "data", [])
    except RefusedError as error:
        code = error.code
    else:
        return True
    assert code == "budget_spent"
    return False


def test_a_window_passes_with_time_whether_the_site_runs_or_not(machine: Machine) -> None:
    site = machine.site()
    assert takes(site, "one")
    machine.passes(29 * DAY)
    assert not takes(site, "two")
    machine.passes(2 * DAY)
    assert takes(site, "two")
    machine.passes(31 * DAY)
    machine.up = 0.0
    assert takes(machine.site(), "three")


@pytest.mark.parametrize("set_by", [40 * DAY, -40 * DAY])
def test_a_clock_that_is_set_ahead_while_the_site_runs_opens_no_window(machine: Machine, set_by: float) -> None:
    site = machine.site()
    assert takes(site, "one")
    machine.wall += set_by
    assert not takes(site, "two")
    machine.wall -= set_by
    assert not takes(site, "two")


def test_a_clock_that_was_set_back_while_the_site_was_stopped_hides_nothing_once_it_is_right_again(
    machine: Machine,
) -> None:
    assert takes(machine.site(), "one")
    machine.wall -= 40 * DAY
    assert not takes(machine.site(), "two")
    assert takes(replace(machine.site(), budget=Budget(specifications=2)), "two")
    machine.wall += 40 * DAY
    assert not takes(replace(machine.site(), budget=Budget(specifications=2)), "three")


def test_a_clock_that_was_set_ahead_while_the_site_was_stopped_opens_a_window_and_is_told_once_it_is_right_again(
    machine: Machine,
) -> None:
    assert takes(machine.site(), "one")
    machine.wall += 40 * DAY
    assert takes(machine.site(), "two")
    machine.wall -= 40 * DAY
    with capture_logs() as logs:
        site = machine.site()
    assert [(entry["event"], entry["site"], entry["hours"]) for entry in logs] == [("clock_behind", "A", 40 * 24.0)]
    assert not takes(site, "three")
    machine.passes(31 * DAY)
    assert takes(site, "three"), "no window is longer than it is for a clock that was wrong once"


@pytest.mark.parametrize(("behind", "told"), [(0.0, False), (SKEW_SECONDS, False), (2.0 * SKEW_SECONDS, True)])
def test_a_clock_that_is_put_right_by_an_hour_is_no_news(behind: float, told: bool) -> None:
    with capture_logs() as logs:
        OwnClock.after(NOW, wall=lambda: NOW - behind)
    assert bool(logs) == told


def test_the_history_knows_the_latest_moment_of_models_and_of_rosters(machine: Machine) -> None:
    history = History(machine.file, SECRET)
    with history.writing() as kept:
        assert kept.newest() == 0.0
        kept.begin("one", SPECIFICATION, "data", NOW)
        assert kept.newest() == NOW
        kept.join("one", NOW + DAY)
        assert kept.newest() == NOW + DAY


def test_a_site_counts_by_its_own_clock(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "secret").write_bytes(SECRET)
    settings = site.settings.model_copy(update={"history": tmp_path / "history.db", "secret_file": tmp_path / "secret"})
    secret = settings.fingerprint_secret().get_secret_value()
    with History(settings.history, secret).writing() as kept:
        kept.begin("one", SPECIFICATION, "data", 2.0**40)  # in the year 36812
    with capture_logs() as logs:
        create_app(settings)
    assert [entry["site"] for entry in logs if entry["event"] == "clock_behind"] == ["A"]
