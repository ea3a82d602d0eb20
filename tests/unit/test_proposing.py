"""A proposed dictionary can be shown to others: no rare level, no identifier and no extreme value stands in it."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.files import open_file
from site_node.data.inference import Proposal, infer_from
from site_node.data.reading import read_columns
from site_node.proposing import outward, shareable

PATIENT = "Mrs-Smith-1951"


def proposed(
    folder: Path, columns: dict[str, list[object]], unit: str | None = None, levels: dict[str, list[str]] | None = None
) -> Proposal:
    path = folder / "rows.csv"
    lines = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, line)) for line in lines)]) + "\n")
    with open_file(path) as file:
        inferred = infer_from(file, groups=() if unit is None else (unit,), levels=levels)
        return shareable(file, inferred, levels or {}, unit)


def of(proposal: Proposal, name: str) -> Variable:
    return proposal.dictionary[name]


def test_a_level_that_fewer_than_three_rows_have_is_not_proposed_and_not_named(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"arm": ["a", "b"] * 10 + [PATIENT] * 2 + ["c"] * 3})
    assert of(found, "arm").levels == ("a", "b", "c")
    (note,) = found.notes
    assert note.startswith("`arm`: 1 of its levels is left out, which fewer than 3 units have.")
    assert PATIENT not in note


def test_levels_that_a_person_gave_stay(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"arm": ["a", "b"] * 10 + ["c"]}, levels={"arm": ["b", "a", "c"]})
    assert (of(found, "arm").levels, found.notes) == (("b", "a", "c"), ())


@pytest.mark.parametrize(
    "values", [[f"remark {k}" for k in range(40)], [f"{PATIENT}-{k}" for k in range(37)] + ["none"] * 3]
)
def test_free_text_and_names_are_a_group(tmp_path: Path, values: list[str]) -> None:
    found = proposed(tmp_path, {"remark": list(values)})
    assert (of(found, "remark").type, of(found, "remark").levels) == ("group", ())
    assert PATIENT not in str(found)


def test_whole_numbers_that_are_all_different_are_an_identifier(tmp_path: Path) -> None:
    many = proposed(tmp_path, {"number": list(range(101, 121)), "age": [40, 50] * 10})
    assert [variable.type for variable in many.dictionary.variables] == ["group", "integer"]
    assert "taken for an identifier" in many.notes[0]
    assert of(proposed(tmp_path, {"number": list(range(19))}), "number").type == "integer"


def test_with_a_privacy_unit_patients_are_counted_and_not_rows(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "patient": [k // 4 for k in range(40)],
        "arm": ["rare" if k < 8 else "ab"[k % 2] for k in range(40)],
        "x": [99.5 if k < 4 else k % 4 + 0.5 for k in range(40)],
    }
    by_row, by_patient = proposed(tmp_path, columns), proposed(tmp_path, columns, unit="patient")
    assert of(by_row, "arm").levels == ("a", "b", "rare")
    assert of(by_patient, "arm").levels == ("a", "b")
    assert by_patient.dictionary.privacy_unit == "patient"
    assert of(by_patient, "patient").type == "group"


@pytest.mark.parametrize("values", [["", ""], ["NA", ""]])
def test_a_privacy_unit_without_values_is_refused(tmp_path: Path, values: list[object]) -> None:
    with pytest.raises(DataError, match="column `p`: it holds no values"):
        proposed(tmp_path, {"p": values, "x": [1, 2]}, unit="p")


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ([18.3, 97.2], (10, 100)),
        ([20, 90], (10, 100)),
        ([20, 90] * 3, (20, 90)),
        ([0, 1] * 3, (0, 1)),
        ([0, 1], (0, 2)),
        ([0.5, 3.25], (0, 4)),
        ([-0.37, 0.42], (-0.4, 0.5)),
        ([5, 5], (4, 6)),
        ([0, 0], (0, 0)),
        ([120000, 180000], (110000, 190000)),
    ],
)
def test_a_range_is_rounded_outward(tmp_path: Path, values: list[object], bounds: tuple[float, float]) -> None:
    assert of(proposed(tmp_path, {"x": values}), "x").range == bounds


FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


@given(FLOATS, FLOATS)
def test_a_range_holds_all_values_and_no_bound_is_one_unless_it_is_zero(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high == low or high - low > 1e-9 * max(abs(low), abs(high)))
    below, above = outward(low, high, low_is_common=False, high_is_common=False)
    assert below <= low
    assert above >= high
    assert below != low or low == 0
    assert above != high or high == 0
    assert above - below <= 5 * ((high - low) or abs(high))


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=8, max_size=40))
def test_whatever_is_proposed_fits_the_common_rows(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    common = {value for value, count in Counter(values).items() if count >= 3}
    found = of(proposed(folder, {"arm": list(values)}), "arm")
    if len(common) > 1 or set(values) == common:
        assert set(found.levels) == common
    else:
        assert found.type == "group"
        assert read_columns(folder / "rows.csv", [found]).rows == len(values)
