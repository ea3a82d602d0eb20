"""What the analyst's commands say before and after they ask: of a key file, an address, and the rounds that were made."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.core import TyperOption
from typer.main import get_group
from typer.testing import CliRunner

from coordinator.access.authentication import Access
from coordinator.access.key_ring import KeyRing
from coordinator.access.keys import NEW_ONE
from coordinator.access.keys_file import add_key
from coordinator.access.roles import Role
from coordinator.client import Coordinator
from coordinator.client.cli import app
from coordinator.client.faults import LISTED, SHOW_IT, fault_of
from coordinator.client.summary import summary
from coordinator.client.terminal import WRONG, key_in
from shared.errors import CredentialsError, RoleError, SettingsError, SiteError, UnknownAnalysisError
from shared.problem import Problem
from shared.request import AnalysisRequest

NOBODY = "http://127.0.0.1:9"
KEY = "0123456789abcdef"


@pytest.mark.parametrize("text", [f"{KEY}\nanother-key\n", f"anna:{KEY}\n", "", "two words", "\xe9"])
def test_a_key_file_with_anything_but_one_key_is_told_before_any_request(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.key").write_text(text, encoding="latin-1")
    done = CliRunner().invoke(app, ["list", "--coordinator", NOBODY, "--key-file", str(tmp_path / "my.key")])
    assert done.exit_code == 2
    assert "my.key" in done.stderr
    assert "cannot be reached" not in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("asked", "remedy"),
    [
        (["list", "--key-file", "missing"], "Make a file with the key and nothing else"),
        (["fit", "missing.json"], "Give a JSON file."),
        (["compare", "missing.json", "other.json"], "Give a file that `fit.save` or `fedglmm export` wrote."),
    ],
)
def test_a_file_that_is_not_there_is_named_once_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*asked, "--coordinator", NOBODY])
    assert done.exit_code == WRONG
    assert done.stderr.count("missing") == 1
    assert f"cannot be read: No such file or directory. {remedy}" in done.stderr


def test_a_key_file_with_one_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "my.key").write_text(f"{KEY}\n", encoding="utf-8")
    assert key_in(tmp_path / "my.key") == KEY


def test_a_key_in_python_may_end_with_a_line_end_and_is_else_checked_at_once() -> None:
    with Coordinator(NOBODY, f"{KEY}\n") as coordinator:
        assert coordinator._http.headers["Authorization"] == f"Bearer {KEY}"
    with pytest.raises(SettingsError, match="printable ASCII") as caught:
        Coordinator(NOBODY, f"{KEY}\nanother")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/"])
def test_an_address_that_ends_with_v1_is_told_to_leave_it_off(url: str) -> None:
    with pytest.raises(SettingsError, match="Leave off /v1"):
        Coordinator(url)


@pytest.mark.parametrize(
    "url",
    ["http://", "https:///analyses", "http://127.0.0.1:x", "http://127.0.0.1:99999", "http://[::1", "http://:8000"],
)
def test_an_address_without_a_host_or_with_a_port_that_is_none_is_told_with_what_one_is(url: str) -> None:
    with pytest.raises(SettingsError, match=r"names no host, or no port that can be\. Write it as http://127"):
        Coordinator(url)
    assert CliRunner().invoke(app, ["list", "--coordinator", url]).exit_code == WRONG


@pytest.mark.parametrize("name", ["", "NO BODY", "../sites", "k7mqabcdefgh/result", "fit.csv", "a" * 65, "a\n"])
def test_an_id_that_is_none_is_told_before_anything_is_asked_and_leads_nowhere_else(name: str) -> None:
    with Coordinator(NOBODY) as coordinator:
        for ask in (coordinator.analysis, coordinator.rounds, coordinator.result, coordinator.report):
            with pytest.raises(UnknownAnalysisError, match="this is no id of an analysis") as caught:
                ask(name)
            assert (caught.value.where, caught.value.remedy) == (name or "id", LISTED)
        for end in (coordinator.cancel, coordinator.delete, coordinator.wait):
            with pytest.raises(UnknownAnalysisError):
                end(name)
    for command in (["show", name], ["watch", name], ["cancel", name], ["export", name], ["compare", name, "other"]):
        done = CliRunner().invoke(app, [*command, "--coordinator", NOBODY])
        assert (done.exit_code, "this is no id of an analysis. `fedglmm list` shows" in done.stderr) == (WRONG, True)


@pytest.mark.parametrize("written", ["a,b", " a , b", "a,b,", ",a,,b"])
def test_a_comma_too_many_names_no_site(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    asked: list[AnalysisRequest] = []

    def submit(_: Coordinator, request: AnalysisRequest) -> str:
        asked.append(request)
        raise SettingsError("enough.")

    monkeypatch.setattr(Coordinator, "submit_request", submit)
    assert CliRunner().invoke(app, ["fit", "y ~ x", "--sites", written]).exit_code == WRONG
    assert [request.sites for request in asked] == [("a", "b")]


def test_an_analysis_that_there_is_not_is_told_with_what_lists_them_in_the_terminal_and_in_python() -> None:
    assert fault_of(answer(404, "unknown_analysis", "k7"), NOBODY).remedy == LISTED


def answer(status: int, code: str, where: str = "") -> httpx.Response:
    problem = {"code": code, "message": "no.", "where": where, "remedy": ""}
    return httpx.Response(status, json=problem, request=httpx.Request("GET", NOBODY))


def test_an_unknown_key_is_told_for_the_terminal_and_for_python() -> None:
    error = fault_of(answer(401, "unauthorised", "coordinator"), NOBODY)
    assert isinstance(error, CredentialsError)
    assert "--key-file FILE" in error.remedy
    assert "Coordinator(url, key)" in error.remedy


def test_what_a_coordinator_says_of_a_key_and_of_a_role_reaches_the_analyst() -> None:
    problem = {"message": "the key was revoked on 2026-02-01.", "where": "coordinator", "remedy": "Ask for a new one."}
    request = httpx.Request("GET", NOBODY)
    for status, code, kind in ((401, "unauthorised", CredentialsError), (403, "forbidden", RoleError)):
        error = fault_of(httpx.Response(status, json=problem | {"code": code}, request=request), NOBODY)
        assert isinstance(error, kind)
        assert (error.message, error.code) == (problem["message"], code)
        assert problem["remedy"] in error.remedy


def test_advice_for_who_speaks_http_is_not_given_to_who_uses_the_client(tmp_path: Path) -> None:
    add_key(tmp_path / "keys.toml", "anna", Role.RUN, today=date(2026, 1, 1))
    keys = KeyRing(tmp_path / "keys.toml", exposed=False)
    with pytest.raises(CredentialsError) as raised:
        asyncio.run(Access(keys).caller(""))
    problem = Problem.of(raised.value).model_dump()
    assert problem["remedy"].startswith("Send `Authorization: Bearer KEY`. ")
    error = fault_of(httpx.Response(401, json=problem, request=httpx.Request("GET", NOBODY)), NOBODY)
    assert error.remedy == f"{SHOW_IT} {NEW_ONE}"


def test_one_analysis_alone_is_not_compared_and_the_argument_has_a_name() -> None:
    done = CliRunner().invoke(app, ["compare", "k7", "k7", "--coordinator", NOBODY])
    assert done.exit_code == WRONG
    assert "analyses: one alone has nothing to be compared with. Name two different ones" in done.stderr


def test_only_an_unknown_analysis_is_one() -> None:
    assert isinstance(fault_of(answer(404, "unknown_analysis", "k7"), NOBODY), UnknownAnalysisError)
    for response in (answer(404, "not_found", "coordinator"), answer(404, "not_found"), answer(401, "unauthorised")):
        assert isinstance(fault_of(response, NOBODY), SiteError)


RESULT: dict[str, Any] = {
    "family": "binomial",
    "link": "logit",
    "formula": "y ~ 1",
    "roster": ["Bern"],
    "glance": {"ngrps": {}},
    "specification": {"response": {"kind": "numeric"}, "weights": None, "reml": False},
    "warnings": [],
}


@pytest.mark.parametrize(
    ("rounds", "said"),
    [(1, "after 1 round (the start)."), (6, "after 6 rounds (the start and 5 more).")],
)
def test_the_summary_counts_rounds_as_the_table_numbers_them(rounds: int, said: str) -> None:
    convergence = {"outcome": "round_limit", "rounds": rounds, "decrement": None, "advice": "Raise max_rounds."}
    assert said in summary(RESULT | {"convergence": convergence})


@pytest.mark.parametrize(
    ("family", "reml", "points", "said"),
    [
        ("binomial", False, 1, "mixed model fit by maximum likelihood (Laplace Approximation), federated"),
        (
            "binomial",
            False,
            25,
            "mixed model fit by maximum likelihood (Adaptive Gauss-Hermite Quadrature, 25 points), federated",
        ),
        ("gaussian", False, 1, "Linear mixed model fit by maximum likelihood, federated"),
        ("gaussian", True, 1, "Linear mixed model fit by REML, federated"),
    ],
)
def test_the_summary_says_which_likelihood_it_was(family: str, reml: bool, points: int, said: str) -> None:
    convergence = {"outcome": "round_limit", "rounds": 3, "decrement": None, "advice": ""}
    convergence["quadrature"] = {"points": points, "path": None}
    specification = RESULT["specification"] | {"reml": reml}
    changes = {"family": family, "specification": specification, "glance": {"ngrps": {"site": 9}}}
    assert said in summary(RESULT | changes | {"convergence": convergence})


OF_THE_MODEL = set(AnalysisRequest.model_fields) - {
    "formula",  # an argument
    "link",  # each family has one
    *("sites", "tolerance", "max_rounds", "confidence_level", "title"),  # not of the model
}


@pytest.mark.parametrize("command", ["fit", "rehearse"])
def test_every_option_of_the_model_is_an_option_of_the_command_and_has_a_word_of_help(command: str) -> None:
    options = {option.name: option for option in get_group(app).commands[command].params}
    assert set(options) >= OF_THE_MODEL >= {"quadrature_points", "reml"}
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    for name in OF_THE_MODEL:
        assert f"--{name.replace('_', '-')}" in shown
        option = options[name]
        assert isinstance(option, TyperOption)
        assert option.help


@pytest.mark.parametrize("points", ["many", "0", "101", "2.5", "", "-1"])
@pytest.mark.parametrize(
    "command", [["fit", "y ~ 1"], ["rehearse", "none.csv", "y ~ 1", "--site", "s"]], ids=["fit", "rehearse"]
)
def test_a_number_of_points_that_cannot_be_is_told_before_anything_is_done(command: list[str], points: str) -> None:
    done = CliRunner().invoke(app, [*command, "--quadrature-points", points])
    assert done.exit_code == 2
    assert "quadrature_points: the number of quadrature points is 1 to 100, or auto." in done.stderr


@pytest.mark.parametrize(
    "option", [["--reml"], ["--family", "poisson"], ["--quadrature-points", "5"], ["--sites", "a"]]
)
def test_an_option_of_the_model_beside_a_request_file_is_refused_and_not_ignored(
    option: list[str], tmp_path: Path
) -> None:
    (tmp_path / "request.json").write_text('{"formula": "death ~ age"}', encoding="utf-8")
    told = CliRunner().invoke(app, ["fit", str(tmp_path / "request.json"), *option])
    assert told.exit_code == WRONG
    assert f"{option[0]}: a request file says all of the model" in told.output
