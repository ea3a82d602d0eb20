"""Variables that the dictionary derives from columns: what they compute, where they may stand, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from coordinator.request import resolve
from shared.dictionary import Dictionary
from shared.errors import FormulaError, RequestError
from shared.request import AnalysisRequest
from shared.specification import Specification, sha256_of
from site_node.data.batches import variables_in
from site_node.data.design import build
from site_node.data.reading import read_columns
from site_node.folder import NewSite, write_site
from site_node.inspection import inspect
from site_node.settings import load_settings

COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "y", "type": "number"},
    {"name": "age", "type": "number"},
    {"name": "arm", "type": "factor", "levels": ["a", "b"]},
    {"name": "ward", "type": "group"},
)


def dictionary(derived: str = "(age - 50) / 10", **more: Any) -> Dictionary:
    made = {"name": "made", "type": "number", "derived": derived} | more
    return Dictionary.model_validate({"variables": [*COLUMNS, made]})


def asked(formula: str, known: Dictionary, **settings: Any) -> Specification:
    return resolve(AnalysisRequest(formula=formula, family="gaussian", **settings), known, ("A",))


def rows_of(formula: str, known: Dictionary, folder: Path) -> Any:
    path = folder / "data.csv"
    path.write_text("y,age,arm,ward\n1,40,a,u\n2,50,b,u\n3,NA,b,v\n4,75,a,v\n", encoding="utf-8")
    specification = asked(formula, known)
    return build(specification, known, read_columns(path, variables_in(specification, known))).rows.X


def test_a_site_computes_it_from_columns_of_the_file_that_need_not_have_it(tmp_path: Path) -> None:
    X = rows_of("y ~ made + I(made^2)", dictionary(), tmp_path)
    np.testing.assert_array_equal(X[:, 1], [-1, 0, 2.5])
    np.testing.assert_array_equal(X[:, 2], [1, 0, 6.25])


def test_a_comparison_is_a_truth_value_with_rs_name(tmp_path: Path) -> None:
    known = dictionary("age > 45")
    assert [column.name for column in asked("y ~ made", known).fixed] == ["(Intercept)", "madeTRUE"]
    np.testing.assert_array_equal(rows_of("y ~ made", known, tmp_path)[:, 1], [0, 1, 1])


def test_its_name_and_constants_are_those_of_the_dictionary() -> None:
    known = dictionary(mean=1, sd=2, range=[-5, 5], knots=[0])
    names = [column.name for column in asked("y ~ made:arm + scale(made) + ns(made)", known).fixed]
    assert names == ["(Intercept)", "scale(made)", "ns(made)1", "ns(made)2", "made:arma", "made:armb"]


def test_another_derivation_is_another_dictionary() -> None:
    assert sha256_of(dictionary()) != sha256_of(dictionary("(age - 51) / 10"))


@pytest.mark.parametrize(
    ("derived", "more", "words"),
    [
        ("age +", {}, "the formula ends too early"),
        ("weight / 10", {}, "the dictionary has no such variable"),
        ("made + 1", {}, "the dictionary has no such variable"),
        ("ward", {}, "a group's values never leave a site"),
        ("arm", {}, "a factor is no number"),
        ("ns(age, df = 3)", {}, "has no place inside arithmetic"),
        ("3 + 4", {}, "it is derived from no column"),
        ("age / 10", {"type": "factor", "levels": ["a"]}, "a number is derived, and nothing else is"),
    ],
)
def test_what_cannot_be_computed_is_refused_where_the_dictionary_is_read(
    derived: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        dictionary(derived, **more)


def test_it_weighs_and_groups_no_rows() -> None:
    with pytest.raises(RequestError, match="no numeric variable"):
        asked("y ~ age", dictionary(), weights="made")
    with pytest.raises(FormulaError, match="a derived variable groups no rows"):
        asked("y ~ age + (1 | made)", dictionary())


def test_check_does_not_look_for_it_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("y,age,arm,ward\n" + "1,40,a,u\n2,50,b,v\n" * 20, encoding="utf-8")
    (tmp_path / "dictionary.json").write_text(dictionary().model_dump_json(), encoding="utf-8")
    write_site(tmp_path, NewSite(name="A", data="data.csv", dictionary="dictionary.json"))
    found = inspect(load_settings(tmp_path), dictionary())
    assert [report.variable.name for report in found.variables] == ["y", "age", "arm", "ward"]
    assert found.sound
