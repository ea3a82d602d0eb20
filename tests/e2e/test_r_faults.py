"""The R package on a bad day: faults as conditions, connections that break, an analyst who interrupts or cancels.

It needs R with the packages that `.ci/run` installs, so it runs only if FEDGLMM_R is 1.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.e2e.commands import BIN, Running, started
from tests.e2e.r_package import Library
from tests.e2e.small_federation import Federation, Server, eventually, free_ports, small_federation, url_of
from tests.federation.people import key_of, keys_file

pytestmark = pytest.mark.skipif(
    os.environ.get("FEDGLMM_R") != "1", reason="it needs R and its packages: set FEDGLMM_R=1"
)

FAULTS: dict[str, tuple[str, ...]] = {
    'fed_glmer("y ~ x +", binomial, coordinator)': ("formula", "request"),
    "fed_glmer(y ~ nothing, binomial, coordinator)": ("formula", "request"),
    'fed_glmer(y ~ x, binomial, coordinator, sites = "Nowhere")': ("request",),
    'fed_glmer(y ~ x, binomial(link = "cauchit"), coordinator)': ("request",),
    'fed_result(coordinator, "nobody")': ("unknown_analysis",),
    'fed_watch(coordinator, "../sites")': ("unexpected_answer",),
    "fed_cancel(coordinator, ended)": ("ended", "request"),
    "fed_analyses(fed_coordinator(site))": ("unexpected_answer",),
}
"""A call, and the classes of its condition."""


@pytest.fixture(scope="module")
def restarting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A federation whose coordinator keeps its port over a restart."""
    with small_federation(tmp_path_factory.mktemp("restarting"), port=free_ports(1)[0]) as running:
        yield running


def script_of(library: Library, folder: Path, federation: Federation, code: str) -> AbstractContextManager[Running]:
    """A script of R while it runs."""
    script = f'coordinator <- fed_coordinator("{url_of(federation)}", "")\n{code}'
    return started(library.command(script, folder), folder, **library.environment)


def condition_of(call: str) -> str:
    return f"told({{fault <- tryCatch({call}, condition = identity); list(class(fault), conditionMessage(fault))}})"


def test_a_fault_is_a_condition_of_its_code_with_the_servers_words(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    ended = federation.submit()
    federation.until(ended)
    script = f'coordinator <- fed_coordinator("{url_of(federation)}", ""); ended <- "{ended}"\n'
    script += f'site <- "{federation.address("Bern")}"\n' + "\n".join(map(condition_of, FAULTS))
    told = r_library.tells(script, tmp_path)
    for (classes, _), expected in zip(told, FAULTS.values(), strict=True):
        assert classes == [*(f"fedglmm_{code}" for code in expected), "fedglmm_error", "error", "condition"]
    said = federation.http.post("/analyses", json={"formula": "y ~ nothing"}).json()
    assert told[1][1] == f"{said['where']}: {said['message']} {said['remedy']}"


def test_keys_are_shown_and_what_they_do_not_allow_is_told(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    settings = (federation.folder / "coordinator.toml").read_text()
    settings = settings.replace("coordinator.db", "guarded.db").replace(
        "port = ", 'keys_file = "guarded.toml"\nport = ', 1
    )
    (federation.folder / "guarded-coordinator.toml").write_text(settings)
    (federation.folder / "guarded.toml").write_text(keys_file({"anna": "run", "beth": "read"}))
    file = federation.folder / "guarded-coordinator.toml"
    with ExitStack() as stack:
        guarded = Server([str(BIN / "fedglmm-coordinator"), "serve", str(file)], federation.folder / "guarded.json")
        stack.callback(guarded.close)
        url = guarded.start()["url"]
        fit = f'fed_glmer(y ~ x + (1 | site), binomial, fed_coordinator("{url}"))'
        unauthorised = r_library.tells(condition_of(fit), tmp_path, FEDGLMM_KEY="")
        forbidden = r_library.tells(condition_of(fit), tmp_path, FEDGLMM_KEY=key_of("beth"))
        fitted = r_library.says(
            f'fit <- {fit}; saveRDS(fit, "fit.rds", compress = FALSE); fit', tmp_path, FEDGLMM_KEY=key_of("anna")
        )
    assert unauthorised[0][0][0] == "fedglmm_unauthorised"
    assert forbidden[0][0][0] == "fedglmm_forbidden"
    assert "converged after" in fitted
    assert key_of("anna").encode() not in (tmp_path / "fit.rds").read_bytes()


def test_rounds_are_shown_live_and_a_restart_of_the_coordinator_loses_none_and_repeats_none(
    restarting: Federation, r_library: Library, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(restarting.gates["Bern"].holding("3"))
        code = "fit <- fed_glmer(y ~ x + (1 | site), binomial, coordinator, progress = TRUE); cat(fit$id)"
        script = stack.enter_context(script_of(r_library, tmp_path, restarting, code))
        held.wait()
        eventually(lambda: script.rounds == [1, 2])
        assert script.process.poll() is None
        restarting.coordinator.kill()
        eventually(lambda: "Trying again for 60 s" in script.told)
        restarting.restart_coordinator()
        restarting.gates["Bern"].open()
        assert script.ends() == 0, script.told
    rounds = restarting.view(script.printed)["round"]
    assert script.rounds == list(range(1, rounds + 1))
    assert "The coordinator answers again." in script.told


def test_an_interrupt_ends_the_waiting_and_not_the_analysis(
    restarting: Federation, r_library: Library, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(restarting.gates["Bern"].holding("2"))
        analysis = restarting.submit()
        code = f'fed_watch(coordinator, "{analysis}", progress = TRUE)'
        script = stack.enter_context(script_of(r_library, tmp_path, restarting, code))
        held.wait()
        eventually(lambda: script.rounds == [1])
        script.process.send_signal(signal.SIGINT)
        assert script.ends() != 0
        assert restarting.view(analysis)["state"] == "running"
    assert f'fed_watch(coordinator, "{analysis}") shows it' in script.told
    assert restarting.until(analysis)["state"] == "converged"


def test_a_result_asked_for_too_early_is_told_and_cancelling_reaches_who_watches(
    restarting: Federation, r_library: Library, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(restarting.gates["Bern"].holding("2"))
        analysis = restarting.submit()
        watch = condition_of(f'fed_watch(coordinator, "{analysis}", progress = TRUE)').replace("condition =", "error =")
        script = stack.enter_context(script_of(r_library, tmp_path, restarting, watch))
        held.wait()
        eventually(lambda: script.rounds == [1])
        early = condition_of(f'fed_result(fed_coordinator("{url_of(restarting)}"), "{analysis}")')
        cancel = f'told(fed_cancel(fed_coordinator("{url_of(restarting)}"), "{analysis}")$state)'
        (tmp_path / "other").mkdir()
        too_early, cancelled = r_library.tells(f"{early}\n{cancel}", tmp_path / "other")
        assert script.ends() == 0, script.told
    assert "fedglmm_request" in too_early[0]
    assert cancelled == "cancelled"
    assert '"fedglmm_cancelled"' in script.printed
