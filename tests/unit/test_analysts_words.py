"""What the analyst's commands say before and after they ask: of a key file, an address, and the rounds that were made."""

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from coordinator.client import Coordinator
from coordinator.client.cli import app
from coordinator.client.faults import fault_of
from coordinator.client.summary import summary
from coordinator.client.terminal import key_in
from shared.errors import SettingsError, SiteError, UnknownAnalysisError

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


def answer(status: int, code: str, where: str = "") -> httpx.Response:
    problem = {"code": code, "message": "no.", "where": where, "remedy": ""}
    return httpx.Response(status, json=problem, request=httpx.Request("GET", NOBODY))


def test_an_unknown_key_is_told_for_the_terminal_and_for_python() -> None:
    error = fault_of(answer(401, "unauthorised", "coordinator"), NOBODY)
    assert isinstance(error, SettingsError)
    assert "--key-file FILE" in error.remedy
    assert "Coordinator(url, key)" in error.remedy


def test_only_an_unknown_analysis_is_one() -> None:
    assert isinstance(fault_of(answer(404, "unknown_analysis", "k7"), NOBODY), UnknownAnalysisError)
    for response in (answer(404, "not_found", "coordinator"), answer(404, "not_found"), answer(401, "unauthorised")):
        assert isinstance(fault_of(response, NOBODY), SiteError)


@pytest.mark.parametrize(
    ("rounds", "said"),
    [(1, "after 1 round (the start)."), (6, "after 6 rounds (the start and 5 more).")],
)
def test_the_summary_counts_rounds_as_the_table_numbers_them(rounds: int, said: str) -> None:
    convergence = {"outcome": "round_limit", "rounds": rounds, "decrement": None, "advice": "Raise max_rounds."}
    result = {
        "family": "binomial",
        "link": "logit",
        "formula": "y ~ 1",
        "roster": ["Bern"],
        "glance": {"ngrps": {}},
        "specification": {"response": {"kind": "numeric"}, "weights": None, "reml": False},
        "convergence": convergence,
        "warnings": [],
    }
    assert said in summary(result)
