"""Which rows analyses may be made of, one after the other, so that no combination of them is one or two rows."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RefusedError
from site_node.data.units import Known
from site_node.release.cohorts import MIN_UNITS, Released, released_with

UNITS = 24
SMALL_FAMILIES = st.lists(st.sets(st.integers(0, UNITS - 1), min_size=1), max_size=8)


def ids(*units: int, rows_each: int = 1) -> Known:
    """Rows each of which is a unit; or so many of each of fewer units."""
    rows = np.array(units, dtype=np.uint64)
    return Known(rows, rows // np.uint64(rows_each))


def rows(*parts: range, without: Sequence[int] = (), rows_each: int = 1) -> Known:
    return ids(*(unit for part in parts for unit in part if unit not in without), rows_each=rows_each)


def released(*cohorts: Known) -> Released:
    return released_with(Released.nothing(), cohorts)


def those_that_pass(family: Sequence[set[int]], rows_each: int = 1) -> tuple[Released, list[set[int]]]:
    """Each cohort is asked for in turn; a refused one leaves things as they were."""
    kept, passed = Released.nothing(), []
    for cohort in family:
        try:
            kept = released_with(kept, [ids(*cohort, rows_each=rows_each)])
        except RefusedError:
            continue
        passed.append(cohort)
    return kept, passed


@given(SMALL_FAMILIES)
def test_no_family_of_released_cohorts_has_an_atom_of_one_or_two_units(family: list[set[int]]) -> None:
    kept, passed = those_that_pass(family)
    patterns = [tuple(unit in cohort for cohort in passed) for unit in range(UNITS)]
    sizes = [patterns.count(pattern) for pattern in set(patterns) if any(pattern)]
    assert all(size >= MIN_UNITS for size in sizes)
    assert sorted(np.unique(kept.atoms(), return_counts=True)[1].tolist()) == sorted(sizes)


@given(SMALL_FAMILIES)
def test_so_no_linear_combination_of_them_is_supported_on_one_or_two_units(family: list[set[int]]) -> None:
    """Exactly: there is one on S when the cohorts lose rank without the units of S."""
    _, passed = those_that_pass(family)
    vectors = np.array([[unit in cohort for unit in range(UNITS)] for cohort in passed], dtype=float)
    if not passed:
        return
    rank = np.linalg.matrix_rank(vectors)
    for few in [*combinations(range(UNITS), 1), *combinations(range(UNITS), 2)]:
        assert np.linalg.matrix_rank(np.delete(vectors, few, axis=1)) == rank


@given(SMALL_FAMILIES)
def test_nor_is_any_supported_on_the_rows_of_one_or_two_units_that_have_several(family: list[set[int]]) -> None:
    """Pairs of rows are a unit each; a cohort may have one row of a pair and another cohort both."""
    _, passed = those_that_pass(family, rows_each=2)
    vectors = np.array([[row in cohort for row in range(UNITS)] for cohort in passed], dtype=float)
    if not passed:
        return
    rank = np.linalg.matrix_rank(vectors)
    for one, other in combinations(range(0, UNITS, 2), 2):
        assert np.linalg.matrix_rank(np.delete(vectors, (one, one + 1, other, other + 1), axis=1)) == rank


@pytest.mark.parametrize("visits", [5, 10])
def test_cohorts_that_differ_by_all_or_some_visits_of_one_or_two_patients_are_refused_and_of_three_are_not(
    visits: int,
) -> None:
    everybody = rows(range(60), rows_each=5)
    for fewer in (range(visits), range(0, visits, 2)):
        released(rows(range(60)), rows(range(60), without=fewer))
        with pytest.raises(RefusedError) as caught:
            released(everybody, rows(range(60), without=fewer, rows_each=5))
        assert caught.value.code == "small_difference"
    released(everybody, rows(range(60), without=(0, 5, 10), rows_each=5))


@pytest.mark.parametrize("missing", [1, 2])
def test_a_cohort_with_one_or_two_units_less_or_more_is_refused_and_one_with_three_is_not(missing: int) -> None:
    everybody, fewer = rows(range(UNITS)), rows(range(missing, UNITS))
    for first, second in ((everybody, fewer), (fewer, everybody)):
        with pytest.raises(RefusedError) as caught:
            released(first, second)
        assert (caught.value.rule, caught.value.code) == ("G4", "small_difference")
        assert not any(character.isdigit() for character in str(caught.value))
        assert caught.value.remedy
    released(everybody, rows(range(3, UNITS)))


def test_four_cohorts_whose_differences_are_all_large_are_refused_if_they_single_out_a_row_together() -> None:
    one, other = range(6), range(5, 11)  # those that lack one variable, and those that lack another: row 5 lacks both
    all_rows = range(UNITS)
    family = [rows(all_rows), rows(all_rows, without=one), rows(all_rows, without=other)]
    family.append(rows(all_rows, without=[*one, *other]))
    assert all(len(np.setxor1d(a.rows, b.rows)) >= 5 for a, b in combinations(family, 2))
    released(*family[:2])
    with pytest.raises(RefusedError):
        released(*family)


def test_the_same_rows_in_another_order_are_the_same_cohort() -> None:
    first = released(rows(range(UNITS)))
    assert released_with(first, [rows(range(UNITS - 1, -1, -1))]) is first


def test_rows_that_come_in_threes_may_be_added_and_left_out() -> None:
    kept = released(rows(range(10)), rows(range(13)), rows(range(3, 13)), rows(range(20, 24)))
    assert len(kept.cohorts) == 4
    assert len(kept.rows) == 17


def test_a_small_atom_is_refused_also_where_no_combination_reaches_it() -> None:
    """The rule is conservative: of two cohorts that overlap in one unit no combination is that unit."""
    with pytest.raises(RefusedError):
        released(rows(range(10)), rows(range(9, 20)))


CONTENTS = np.array([[1, 2], [3, 4], [1, 2], [1, 3], [1, 2]], dtype=np.uint64)


def known(contents: np.ndarray, secret: bytes = b"secret") -> set[int]:
    return set(Known.of(contents, secret).rows.tolist())


def test_rows_are_known_again_by_what_they_say_whatever_their_order() -> None:
    found = known(CONTENTS)
    assert len(found) == 5
    assert known(CONTENTS[[4, 3, 1, 0, 2]]) == found
    assert known(CONTENTS[:4]) < found


def test_without_the_secret_nobody_knows_them_again() -> None:
    assert not known(CONTENTS) & known(CONTENTS, b"another")


def test_whom_a_row_is_about_is_known_by_the_units_value_alone() -> None:
    found = Known.of(CONTENTS, b"secret", unit=0)
    assert len(set(found.rows.tolist())) == 5
    assert found.units[0] == found.units[2] == found.units[3] == found.units[4] != found.units[1]
    assert not set(found.units.tolist()) & set(Known.of(CONTENTS, b"another", unit=0).units.tolist())
    np.testing.assert_array_equal(Known.of(CONTENTS, b"secret").units, found.rows)
