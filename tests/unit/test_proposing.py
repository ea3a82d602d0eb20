"""A proposed dictionary can be shown to others: no rare level, no identifier and no extreme value stands in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.files import open_file
from site_node.data.inference import Proposal, infer_from
from site_node.data.reading import read_columns
from site_node.proposing import outward, shareable

PATIENT = "Mrs-Smith-1951"


def proposed(
    folder: Path,
    columns: Mapping[str, Sequence[object]],
    unit: str | None = None,
    levels: dict[str, list[str]] | None = None,
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
    columns: Mapping[str, Sequence[object]] = {
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
        ([18.3, 19.1, 25.2, 60, 81.4, 90.0, 97.2], (10, 100)),
        ([20, 90] * 3, (20, 90)),
        ([0, 1] * 3, (0, 1)),
        ([0, 0, 0, 1], (0, 1)),
        ([0.5, 0.75, 1.0, 3, 3.2, 3.25], (0, 4)),
        ([-0.37, -0.36, -0.35, 0.4, 0.41, 0.42], (-0.5, 0.6)),
        ([-5, -4.9, -4.8, -0.7, -0.6, -0.5], (-6, 0)),
        ([5, 5, 5], (5, 5)),
        ([0, 0, 0], (0, 0)),
        ([120000.5, 121000, 122000, 175000, 178000, 180000], (110000, 190000)),
    ],
)
def test_a_range_is_rounded_outward_from_what_three_units_reach(
    tmp_path: Path, values: list[object], bounds: tuple[float, float]
) -> None:
    found = proposed(tmp_path, {"x": values})
    assert (of(found, "x").range, found.notes) == (bounds, ())


@pytest.mark.parametrize(
    "values",
    [[18.3, 97.2], [18.3, 40, 60, 97.2], [20.5, 30, 40, 50, 60, 70, 990], [-9e9, *[1.5, 2.5] * 5], [0, 0, 0, 7e5]],
)
def test_one_unit_far_from_all_others_gets_no_range_and_a_note_without_its_value(
    tmp_path: Path, values: list[object]
) -> None:
    found = proposed(tmp_path, {"x": values})
    assert of(found, "x").range is None
    (note,) = found.notes
    assert note == "`x` gets no range: fewer than 3 units lie far from all others. Agree on what is no mistake."


def test_with_a_privacy_unit_the_range_follows_from_what_three_patients_reach(tmp_path: Path) -> None:
    values = [*range(40, 70), 400, 410, 420]
    columns: Mapping[str, Sequence[object]] = {"p": [*range(30), 30, 30, 30], "x": [value + 0.5 for value in values]}
    by_row, by_patient = proposed(tmp_path, columns), proposed(tmp_path, columns, unit="p")
    assert of(by_row, "x").range == (0, 600)
    assert of(by_patient, "x").range is None


@settings(max_examples=25)
@given(st.floats(1000, 2000), st.floats(1, 500), st.data())
def test_where_in_a_range_the_values_of_one_or_two_units_lie_the_range_does_not_tell(
    tmp_path_factory: pytest.TempPathFactory, few: float, width: float, data: st.DataObject
) -> None:
    many = few + width
    begin, end = outward(few, many, beyond_low=True, beyond_high=True)
    beyond = [data.draw(st.floats(begin, few, exclude_max=True)) for _ in range(2)]
    beyond += [data.draw(st.floats(many, end, exclude_min=True)) for _ in range(2)]
    found = proposed(tmp_path_factory.mktemp("rows"), {"x": [few, many, *beyond]})
    assert of(found, "x").range == (begin, end)


FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


@given(FLOATS, FLOATS, st.booleans(), st.booleans())
def test_a_range_holds_both_values_and_is_not_much_wider(one: float, other: float, below: bool, above: bool) -> None:
    low, high = sorted((one, other))
    assume(high == low or high - low > 1e-9 * max(abs(low), abs(high)))
    begin, end = outward(low, high, beyond_low=below, beyond_high=above)
    assert begin <= low
    assert high <= end
    assert not below or begin < low
    assert not above or high < end
    assert end - begin <= 5 * ((high - low) or abs(high) or 1.0)


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
