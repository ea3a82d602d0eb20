"""The columns of every reference fit, against the design matrices that lme4 made."""

import csv
import json
from pathlib import Path

import pytest

from shared.dictionary import SITE, Dictionary, Variable
from shared.formula.columns import design_columns
from shared.formula.grammar import parse
from shared.formula.terms import expand

HERE = Path(__file__).parent
DERIVED = (
    "NS",
    "WM",
    "age10",
    "arr",
    "female",
    "k2",
    "lat10",
    "late",
    "logfu",
    "r01",
    "treat",
    "urb",
    "use01",
    "visit",
    "y01",
)
"""Columns that the R scripts computed before fitting; all are numbers, or groups."""
CASES = {
    path.stem: case
    for path in sorted((HERE / "values").glob("*.json"))
    if "formula" in (case := json.loads(path.read_text())) and "dataset" in case
}


def header(path: Path) -> list[str]:
    with path.open(newline="") as lines:
        return next(csv.reader(lines))


def dictionary(dataset: str) -> Dictionary:
    levels = json.loads((HERE / "data" / "manifest.json").read_text()).get(dataset, {}).get("factor_levels", {})
    names = dict.fromkeys([*header(HERE / "data" / f"{dataset}.csv"), *DERIVED])
    return Dictionary(
        variables=tuple(
            Variable(name=name, type="factor", levels=levels[name])
            if name in levels
            else Variable(name=name, type="number")
            for name in names
            if name != SITE
        )
    )


def test_there_are_reference_cases() -> None:
    assert len(CASES) > 40


@pytest.mark.parametrize("name", CASES)
def test_columns_are_those_of_lme4(name: str) -> None:
    """Names and order of the fixed part are R's."""
    case = CASES[name]
    columns = design_columns(expand(parse(case["formula"]).right), dictionary(Path(case["dataset"]).stem))
    expected = [column.removeprefix("X_") for column in header(HERE / case["design"]) if column.startswith("X_")]
    assert [column.name for column in columns] == expected


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(("_corr", "_uncorr"))])
def test_random_columns_are_those_of_lme4(name: str) -> None:
    """Over all bars, a random slope model has an intercept and a slope."""
    case = CASES[name]
    known = dictionary(Path(case["dataset"]).stem)
    bars = expand(parse(case["formula"]).right).bars
    columns = list(dict.fromkeys(column.name for bar in bars for column in design_columns(bar.terms, known)))
    assert columns[0] == "(Intercept)"
    assert len(columns) == 2
    assert f"{columns[1]} |" in case["formula"]
