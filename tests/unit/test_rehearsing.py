"""A request that cannot be carried out ends a rehearsal before a server has started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.client import federation
from coordinator.client.cli import app
from coordinator.client.federation import Policy
from coordinator.client.rehearsing import check_request
from coordinator.client.saved import WRITABLE
from coordinator.client.terminal import WRONG
from shared.dictionary import Dictionary, Variable
from shared.errors import FormulaError, RequestError
from shared.request import AnalysisRequest

DICTIONARY = Dictionary(
    variables=(
        Variable(name="hospital", type="group"),
        Variable(name="ward", type="group"),
        Variable(name="y", type="integer"),
        Variable(name="x", type="number"),
    )
)
SITES = ("a", "b", "c", "d", "e", "f")


def checked(
    formula: str, *, policy: Policy = "default", column: str = "hospital", dealt: bool = False, **fields: object
) -> None:
    request = AnalysisRequest.model_validate({"formula": formula, "family": "binomial"} | fields)
    check_request(request, DICTIONARY, SITES, policy=policy, column=column, dealt=dealt)


def table(folder: Path) -> str:
    path = folder / "rows.csv"
    rows = [f"h{k % 4},{k % 3 // 2},{k / 10},w{k % 8}" for k in range(160)]
    path.write_text("\n".join(["hospital,y,x,ward", *rows]) + "\n")
    return str(path)


@pytest.fixture
def never_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def serving(*_: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr(federation, "serving", serving)


@pytest.mark.usefixtures("never_served")
@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (
            "y ~ x + (1 | hospital)",
            ["character 14", "each value of `hospital` is a site", "(1 | site)", "--nodes N", "    ^"],
        ),
        ("y ~ x + (1 | hosptal)", ["character 14", "no such variable", "    ^"]),
        ("y ~ x +", ["character 8", "    ^"]),
        ("y ~ scale(x) + (1 | site)", ["no `mean` of `x`"]),
    ],
)
def test_a_faulty_formula_is_refused_with_its_place_before_anything_is_served(
    tmp_path: Path, formula: str, said: list[str]
) -> None:
    done = CliRunner().invoke(app, ["rehearse", table(tmp_path), formula, "--site", "hospital"])
    assert (done.exit_code, done.stdout) == (WRONG, "")
    for part in said:
        assert part in done.stderr


@pytest.mark.parametrize(
    "formula", ["y ~ x + (1 | site)", "y ~ x + (1 | ward)", "y ~ x + (1 | site/ward)", "y ~ x + (1 | hospital:ward)"]
)
def test_what_a_coordinator_takes_is_taken(formula: str) -> None:
    checked(formula)


@pytest.mark.parametrize(
    "bar", ["(1 | hospital)", "(1 + x || hospital)", "(1 | ward) + (0 + x | hospital)", "(1 | hospital/ward)"]
)
@pytest.mark.parametrize("policy", ["default", "open"])
def test_a_group_that_is_the_site_itself_is_refused_unless_its_values_are_dealt_out(bar: str, policy: Policy) -> None:
    with pytest.raises(FormulaError, match="is a site of its own"):
        checked(f"y ~ x + {bar}", policy=policy)
    checked("y ~ x + (1 | hospital)", policy=policy, dealt=True)


@pytest.mark.parametrize(
    ("bar", "meant"),
    [
        ("(1 | site)", "(1 | hospital)"),
        ("(1 + x || site)", "(1 + x || hospital)"),
        ("(1 | site/ward)", "(1 | hospital/ward)"),
        ("(1 | site/hospital)", "(1 | hospital)"),
        ("(1 | hospital/site)", "(1 | hospital)"),
        ("(1 | ward) + (1 | site)", "(1 | hospital)"),
    ],
)
@pytest.mark.parametrize("policy", ["default", "open"])
def test_the_node_that_values_were_dealt_to_is_no_group(bar: str, meant: str, policy: Policy) -> None:
    with pytest.raises(FormulaError, match="with --nodes `site` is the node") as refused:
        checked(f"y ~ x + {bar}", policy=policy, dealt=True)
    assert refused.value.remedy == f"Write `{meant}`."


@pytest.mark.usefixtures("never_served")
def test_a_rehearsal_over_nodes_refuses_their_effects_before_anything_is_served(tmp_path: Path) -> None:
    asked = ["rehearse", table(tmp_path), "y ~ x + (1 | site)", "--site", "hospital", "--nodes", "2"]
    done = CliRunner().invoke(app, asked)
    assert (done.exit_code, done.stdout) == (WRONG, "")
    for part in ("character 14", "(1 | hospital)", "    ^"):
        assert part in done.stderr


@pytest.mark.parametrize("bar", ["(1 | hospital)", "(1 | hospital/ward)", "(1 | site:hospital)", "(1 | ward)"])
def test_groups_within_nodes_are_taken(bar: str) -> None:
    checked(f"y ~ x + {bar}", dealt=True)


@pytest.mark.usefixtures("never_served")
def test_a_group_that_is_told_of_is_one_in_the_rehearsal(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["hospital,y,id", *(f"h{k % 4},{k % 3 // 2},{k // 3}" for k in range(160))]) + "\n")
    done = CliRunner().invoke(app, ["rehearse", str(path), "y ~ id", "--site", "hospital", "--groups", "id"])
    assert done.exit_code == WRONG
    assert "a group's values never leave a site" in done.stderr


def test_a_column_that_is_called_site_already_is_the_site() -> None:
    checked("y ~ x + (1 | site)", column="site")


def test_what_only_the_policy_refuses_is_left_to_the_policy() -> None:
    with pytest.raises(RequestError) as refused:
        checked("y ~ I(x > 3.7) + (1 | site)")
    assert refused.value.code == "literal_constant"
    checked("y ~ I(x > 3.7) + (1 | site)", policy="open")


def test_other_fields_are_held_against_the_dictionary_as_well() -> None:
    with pytest.raises(RequestError, match="weights"):
        checked("y ~ x", weights="ward")
    with pytest.raises(RequestError, match="REML"):
        checked("y ~ x + (1 | site)", reml=True)


@pytest.mark.usefixtures("never_served")
def test_a_file_for_the_wire_that_cannot_be_written_is_told_before_anything_is_served(tmp_path: Path) -> None:
    file = tmp_path / "none" / "wire.txt"
    done = CliRunner().invoke(app, ["rehearse", table(tmp_path), "y ~ x", "--site", "hospital", "--wire", str(file)])
    assert done.exit_code == WRONG
    assert f"{file}: the file cannot be written: No such file or directory. {WRITABLE}" in done.stderr
