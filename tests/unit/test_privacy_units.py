"""Claims about sites whose patients have several rows: what is counted there are patients."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from coordinator.request import resolve
from shared.dictionary import Dictionary, read_dictionary
from shared.errors import DictionaryError
from shared.request import AnalysisRequest
from site_node.data.batches import variables_in
from site_node.data.counts import Counts, Units
from site_node.data.design import SiteDesign, build
from site_node.data.table import Table
from site_node.folder import NewSite, write_site
from site_node.inspection import inspect
from site_node.release.policy import breaches, cells_clear
from site_node.settings import load_settings

VARIABLES = [
    {"name": "death", "type": "integer"},
    {"name": "age", "type": "number"},
    *({"name": name, "type": "factor", "levels": ["a", "b"]} for name in ("arm", "sex")),
    *({"name": name, "type": "group"} for name in ("patient", "ward")),
]
BY_ROW = Dictionary.model_validate({"variables": VARIABLES})
BY_PATIENT = BY_ROW.model_copy(update={"privacy_unit": "patient"})
N, VISITS = 200, 5


def table(**changes: ArrayLike) -> Table:
    """Forty patients of five visits; each of a patient's rows is alike but for age."""
    patient = np.repeat(np.arange(N // VISITS), VISITS)
    columns: dict[str, Any] = {
        "death": patient // 2 % 2,
        "age": 20.0 + np.arange(N),
        "arm": patient % 2,
        "sex": patient // 4 % 2,
        "patient": patient,
        "ward": np.arange(N) % 7,
    } | changes
    numbers = {name: np.asarray(columns[name], dtype=float) for name in ("death", "age")}
    codes = {name: np.asarray(columns[name], dtype=np.int32) for name in ("arm", "sex")}
    return Table(N, numbers, codes, {name: np.asarray(columns[name]) for name in ("patient", "ward")})


def design(formula: str, dictionary: Dictionary, **changes: ArrayLike) -> SiteDesign:
    return build(
        resolve(AnalysisRequest(formula=formula, family="binomial"), dictionary, ("A",)), dictionary, table(**changes)
    )


def codes(found: SiteDesign) -> set[str]:
    return {breach.code for breach in breaches(found.counts, "default")}


def test_a_level_of_one_patients_many_visits_is_one_units() -> None:
    one = (np.arange(N) // VISITS == 7).astype(int)
    assert codes(design("death ~ age + arm", BY_ROW, arm=one)) == set()
    assert codes(design("death ~ age + arm", BY_PATIENT, arm=one)) == {"rare_level"}


def test_an_outcome_of_two_patients_is_rare_however_often_they_had_it() -> None:
    two = (np.arange(N) // VISITS < 2).astype(int)
    assert codes(design("death ~ age", BY_ROW, death=two)) == set()
    assert "rare_outcome" in codes(design("death ~ age", BY_PATIENT, death=two))


def test_an_outcome_of_two_patients_within_a_level_is_a_rare_cell() -> None:
    """In arm a two patients die at every visit; one more visit of a third patient is enough."""
    patient = np.arange(N) // VISITS
    death = np.where(patient % 2 == 0, patient < 4, patient // 2 % 2)
    assert codes(design("death ~ age + arm", BY_PATIENT, death=death)) == {"rare_cell"}
    third = np.where(np.arange(N) == 4 * VISITS, 1, death)
    assert codes(design("death ~ age + arm", BY_PATIENT, death=third)) == set()


def test_a_site_needs_twenty_patients_and_not_only_twenty_rows() -> None:
    few = np.arange(N) % 19
    assert codes(design("death ~ age", BY_ROW, patient=few)) == set()
    assert codes(design("death ~ age", BY_PATIENT, patient=few)) == {"too_few_units"}


def test_the_units_of_the_rows_follow_them_into_the_order_of_the_groups() -> None:
    found = design("death ~ age + (1 | ward)", BY_PATIENT)
    assert found.unit is not None
    age = found.rows.X[:, 1]
    assert not np.array_equal(age, np.sort(age))
    assert np.array_equal(found.unit, (age - 20).astype(int) // VISITS)
    assert [found.row_number(row) for row in range(N)] == (age - 19).astype(int).tolist()
    assert design("death ~ age", BY_ROW).unit is None


def test_a_row_without_a_unit_is_dropped_and_counted() -> None:
    patient = np.where(np.arange(N) < 3, -1, np.arange(N) // VISITS)
    found = design("death ~ age", BY_PATIENT, patient=patient)
    assert (found.rows.n, found.dropped, found.counts.units) == (N - 3, 3, N // VISITS)


def test_the_unit_is_read_for_every_model_and_is_in_none() -> None:
    specification = resolve(AnalysisRequest(formula="death ~ age", family="binomial"), BY_PATIENT, ("A",))
    assert [variable.name for variable in variables_in(specification, BY_PATIENT)] == ["death", "age", "patient"]
    assert "patient" not in specification.model_dump_json()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=60))
def test_a_unit_counts_once_in_every_level_and_cell_that_a_row_of_it_is_in(rows: list[tuple[int, int, int]]) -> None:
    level, outcome, unit = (np.array(column) for column in zip(*rows, strict=True))
    units = Units.of([outcome == 1, outcome == 0], np.ones(len(rows), dtype=bool), unit)
    found = units.by_code("f", level, 4)
    assert found.units == tuple(len({u for l, _, u in rows if l == k}) for k in range(4))
    assert found.outcomes == tuple(
        tuple(len({u for l, y, u in rows if (l, y) == (k, having)}) for having in (1, 0)) for k in range(4)
    )


@pytest.mark.parametrize("dictionary", [BY_ROW, BY_PATIENT])
def test_a_cell_that_an_interaction_makes_is_counted_and_one_that_no_column_crosses_is_not(
    dictionary: Dictionary,
) -> None:
    """Of the five patients in arm b two are women: each column alone has three patients on either side."""
    patient = np.arange(N) // VISITS
    changes = {"arm": patient < 8, "sex": (patient > 5).astype(int)}
    crossed = design("death ~ age + arm * sex", dictionary, **changes)
    assert sorted(crossed.counts.cells[0]) == sorted(np.array([6, 2, 32]) * (1 if dictionary is BY_PATIENT else VISITS))
    assert cells_clear(replace(crossed.counts, levels=())) == (dictionary is BY_ROW)
    assert design("death ~ age + arm + sex", dictionary, **changes).counts.cells == ()
    assert cells_clear(Counts(rows=40, parameters=2, cells=((3, 0, 37),)))


@pytest.mark.parametrize("unit", ["age", "nobody"])
def test_a_privacy_unit_is_a_group_of_the_dictionary(unit: str, tmp_path: Path) -> None:
    path = tmp_path / "dictionary.json"
    path.write_text(json.dumps({"variables": VARIABLES, "privacy_unit": unit}), encoding="utf-8")
    with pytest.raises(DictionaryError, match="privacy_unit"):
        read_dictionary(path)


def test_a_data_manager_is_told_before_any_model_that_a_level_is_one_patients(tmp_path: Path) -> None:
    lines = [f"{k % 2},{k},{'b' if k // VISITS == 7 else 'a'},a,p{k // VISITS},w" for k in range(N)]
    (tmp_path / "data.csv").write_text("\n".join(["death,age,arm,sex,patient,ward", *lines]) + "\n", encoding="utf-8")
    for dictionary, expected in ((BY_ROW, []), (BY_PATIENT, ["rare_level"])):
        (tmp_path / "dictionary.json").write_text(dictionary.model_dump_json(), encoding="utf-8")
        folder = tmp_path / str(dictionary.privacy_unit)
        write_site(folder, NewSite(name="A", data="../data.csv", dictionary="../dictionary.json"))
        found = inspect(load_settings(folder), dictionary)
        assert [breach.code for breach in found.refused] == expected
