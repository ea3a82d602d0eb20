"""A value that does not fit is told by its column and row, with what to do, before anything is computed with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.request import AnalysisRequest
from site_node.data.batches import variables_in
from site_node.data.design import SiteDesign, build
from site_node.data.inference import infer
from site_node.data.reading import read_columns
from site_node.data.rows_at_fault import RowError
from tests.unit.bad_data import CANARY, FACTOR, INTEGER, NUMBER, asked, checked, fault, prepared, site, written

FORMULAS = {"x": "x ~ 1", "s": "x ~ s", "k": "x ~ k", "g": "x ~ 1 + (1 | g)"}
NO_NUMBER = "holds something that is not a finite number."
BAD_VALUES = [
    (NUMBER, "inf", NO_NUMBER),
    (NUMBER, "-inf", NO_NUMBER),
    (NUMBER, "Infinity", NO_NUMBER),
    (NUMBER, "1e999", NO_NUMBER),
    (NUMBER, " nan", NO_NUMBER),
    (NUMBER, "-nan", NO_NUMBER),
    (NUMBER, "NAN", NO_NUMBER),
    (NUMBER, CANARY, NO_NUMBER),
    (NUMBER, '"1,5"', NO_NUMBER),
    (NUMBER, '"1,000"', NO_NUMBER),
    (NUMBER, "1 000", NO_NUMBER),
    (NUMBER, "1'000", NO_NUMBER),
    (NUMBER, "1_000", NO_NUMBER),
    (NUMBER, "2020-01-31", NO_NUMBER),
    (NUMBER, "31.01.2020", NO_NUMBER),
    (NUMBER, "true", NO_NUMBER),
    (NUMBER, "0x10", NO_NUMBER),
    (NUMBER, "1\x002", NO_NUMBER),
    (INTEGER, "1.5", "holds a fraction."),
    (INTEGER, "-1", "holds a value outside the dictionary's range."),
    (INTEGER, "1e21", "holds a whole number that is too large to be kept exactly."),
    (INTEGER, "9007199254740993", "holds a whole number that is too large to be kept exactly."),
    (FACTOR, CANARY, "holds a level that the dictionary lacks."),
    (FACTOR, "a ", "holds a level that the dictionary lacks."),
    (FACTOR, "A", "holds a level that the dictionary lacks."),
    (FACTOR, "a\x00", "holds a level that the dictionary lacks."),
    (FACTOR, "1", "holds a level that the dictionary lacks."),
]


def table(variable: Variable, value: str) -> bytes:
    """Three good rows, and then one with this value."""
    fine = {"x": "1", "s": "a", "k": "2", "g": "u"}
    bad = fine | {variable.name: value}
    return ("x,s,k,g\n" + 3 * (",".join(fine.values()) + "\n") + ",".join(bad.values()) + "\n").encode()


@pytest.mark.parametrize(("variable", "value", "says"), BAD_VALUES)
def test_a_value_that_does_not_fit_is_told_by_column_and_row_at_check_and_at_prepare(
    tmp_path: Path, variable: Variable, value: str, says: str
) -> None:
    home = site(tmp_path, table(variable, value))
    told = f"column `{variable.name}`: row 4 {says}"
    assert told in str(fault(read_columns, home / "data.csv", [variable]))
    code, output = checked(home)
    assert code == 1
    assert told in output
    answer, log = prepared(home, asked(FORMULAS[variable.name]))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_value")
    assert answer.json()["message"] == f"row 4 {says}"
    assert CANARY not in answer.text + log


def test_mixed_types_are_found_in_row_300_000_and_no_prefix_decides(tmp_path: Path) -> None:
    path = written(tmp_path, b"x,g\n" + b"1,a\n" * 299_999 + CANARY.encode() + b",a\n")
    assert fault(read_columns, path, [NUMBER]).message == f"row 300000 {NO_NUMBER}"
    assert fault(infer, path).message.endswith("not a finite number: 1, the first in row 300000.")


def test_whole_numbers_that_no_double_can_hold_are_proposed_as_identifiers(tmp_path: Path) -> None:
    path = written(tmp_path, b"id,x\n9007199254740993,1\n9007199254740992,2.5\n")
    proposed = infer(path).dictionary
    assert [variable.type for variable in proposed.variables] == ["group", "number"]
    assert read_columns(path, [proposed["id"]]).groups["id"].tolist() == [1, 0]


MODEL = Dictionary(
    variables=(
        *(Variable(name=name, type="number") for name in ("a", "b", "n", "w", "y")),
        Variable(name="g", type="group"),
    )
)


def designed(folder: Path, csv: str, formula: str, **request: Any) -> SiteDesign:
    """The design that a site makes of a file."""
    wanted = AnalysisRequest(formula=formula, **{"family": "binomial", **request})
    specification = resolve(wanted, MODEL, ("A",))
    columns = read_columns(written(folder, csv.encode()), variables_in(specification, MODEL))
    return build(specification, MODEL, columns)


RESPONSE = "the response, column `y`: row 2"
COUNT = "holds a count that is negative or no whole number."


@pytest.mark.parametrize(
    ("csv", "formula", "extra", "says"),
    [
        ("a,b\n1,2\n3,-1\n", "cbind(a, b) ~ 1", {}, f"the failures, column `b`: row 2 {COUNT}"),
        ("a,b\n1,2\n1.5,1\n", "cbind(a, b) ~ 1", {}, f"the successes, column `a`: row 2 {COUNT}"),
        ("y\n1\n-1\n", "y ~ 1", {"family": "poisson"}, f"{RESPONSE} {COUNT}"),
        ("y\n1\n0.5\n", "y ~ 1", {"family": "negative_binomial"}, f"{RESPONSE} {COUNT}"),
        ("y\n1\n0\n", "y ~ 1", {"family": "gamma"}, f"{RESPONSE} holds a number that is not above zero"),
        ("y\n1\n-2\n", "y ~ 1", {"family": "inverse_gaussian"}, f"{RESPONSE} holds a number that is not above zero"),
        ("y\n1\n2\n", "y ~ 1", {}, f"{RESPONSE} holds a number that is neither 0 nor 1"),
        ("y,n\n0.5,4\n1.5,4\n", "y ~ 1", {"weights": "n"}, f"{RESPONSE} holds a proportion outside 0 to 1."),
        ("y,n\n0.5,4\n0.3,4\n", "y ~ 1", {"weights": "n"}, f"{RESPONSE} holds a proportion that is no whole number"),
        ("y,w\n1,1\n0,-1\n", "y ~ 1", {"weights": "w"}, "column `w`: row 2 holds a negative weight."),
        ("y,w\n1,0\n0,0\n", "y ~ 1", {"weights": "w"}, "the weights: no row carries weight"),
        ("a,b\n0,0\n0,0\n", "cbind(a, b) ~ 1", {}, "the weights: no row carries weight"),
        ("y,w\n1,1\n0,inf\n", "y ~ 1", {"weights": "w"}, f"column `w`: row 2 {NO_NUMBER}"),
    ],
)
def test_sizes_counts_and_weights_that_cannot_be_are_told_by_column_and_row(
    tmp_path: Path, csv: str, formula: str, extra: dict[str, Any], says: str
) -> None:
    assert str(fault(designed, tmp_path, csv, formula, **extra)).startswith(says)


@pytest.mark.parametrize(
    ("csv", "formula", "extra"),
    [
        ("a,n\n1,2\n3,2\n", "cbind(a, n - a) ~ 1", {}),
        ("a,n\n1,2\n3,2\n", "I(a / n) ~ 1", {"weights": "n"}),
        ("a,n\n1,2\n3,3\n", "I(n - a) ~ 1", {"family": "gamma"}),
        ("a,y\n1,1\n-3,0\n", "y ~ log(a)", {}),
        ("a,y\n1,1\n0,0\n", "y ~ I(1 / a)", {}),
        ("a,y\n1,1\n-3,0\n", "y ~ offset(sqrt(a))", {}),
    ],
)
def test_which_row_a_computed_value_does_not_fit_is_for_the_sites_own_eyes(
    tmp_path: Path, csv: str, formula: str, extra: dict[str, Any]
) -> None:
    """Whoever may choose what is computed could otherwise ask for the row with the smallest value, and the next."""
    error = fault(designed, tmp_path, csv, formula, **extra)
    assert isinstance(error, RowError)
    assert str(error).endswith("The first such row: 2.")
    assert not any(character.isdigit() for character in error.message.replace("0 to 1", ""))


def test_a_row_is_counted_as_it_stands_in_the_file_whatever_is_dropped_or_sorted(tmp_path: Path) -> None:
    csv = "y,w,g\n1,1,c\n,1,a\n0,1,b\n1,NA,a\n1,-1,b\n0,1,a\n"
    error = fault(designed, tmp_path, csv, "y ~ 1 + (1 | g)", weights="w")
    assert error.message == "row 5 holds a negative weight."


def test_missing_weights_drop_their_rows_and_count_them(tmp_path: Path) -> None:
    design = designed(tmp_path, "y,w\n1,1\n0,nan\n0,2\n", "y ~ 1", weights="w")
    assert (design.rows.n, design.dropped) == (2, 1)


def test_a_site_of_one_row_is_refused_by_its_policy_and_not_before(tmp_path: Path) -> None:
    home = site(tmp_path, b"x,s,k,g\n1.5,a,1,u\n")
    assert checked(home)[0] == 0
    (home / "site.toml").write_text((home / "site.toml").read_text().replace('"open"', '"default"'))
    code, output = checked(home)
    assert code == 1
    assert "too_few_rows" in output
    answer, _ = prepared(home, asked("x ~ 1"))
    assert (answer.status_code, answer.json()["code"]) == (403, "too_few_rows")


def test_the_row_of_a_computed_value_is_in_the_sites_log_and_in_check_and_does_not_leave(tmp_path: Path) -> None:
    home = site(tmp_path, b"x,s,k,g\n1,a,1,u\n2,a,0,u\n")
    specification = asked("x ~ log(k)")
    assert "The first such row: 2." in checked(home, specification)[1]
    answer, log = prepared(home, specification)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_finite")
    assert "2" not in answer.json()["message"]
    assert json.loads(log)[0]["row"] == 2
