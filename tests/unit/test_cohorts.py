"""Which rows analyses may be made of, one after the other, so that no combination of them is one or two rows."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RefusedError
from site_node.data.units import Ids, unit_ids
from site_node.release.cohorts import MIN_UNITS, Released, released_with

UNITS = 24
SMALL_FAMILIES = st.lists(st.sets(st.integers(0, UNITS - 1), min_size=1), max_size=8)


def ids(*units: int) -> Ids:
    return np.array(units, dtype=np.uint64)


def rows(*parts: range, without: Sequence[int] = ()) -> Ids:
    return ids(*(unit for part in parts for unit in part if unit not in without))


def released(*cohorts: Ids) -> Released:
    return released_with(Released.nothing(), cohorts)


def those_that_pass(family: Sequence[set[int]]) -> tuple[Released, list[set[int]]]:
    """Each cohort is asked for in turn; a refused one leaves things as they were."""
    kept, passed = Released.nothing(), []
    for cohort in family:
        try:
            kept = released_with(kept, [ids(*cohort)])
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
    assert all(len(np.setxor1d(a, b)) >= 5 for a, b in combinations(family, 2))
    released(*family[:2])
    with pytest.raises(RefusedError):
        released(*family)


def test_the_same_rows_in_another_order_are_the_same_cohort() -> None:
    first = released(rows(range(UNITS)))
    assert released_with(first, [rows(range(UNITS))[::-1]]) is first


def test_rows_that_come_in_threes_may_be_added_and_left_out() -> None:
    kept = released(rows(range(10)), rows(range(13)), rows(range(3, 13)), rows(range(20, 24)))
    assert len(kept.cohorts) == 4
    assert len(kept.units) == 17


def test_a_small_atom_is_refused_also_where_no_combination_reaches_it() -> None:
    """The rule is conservative: of two cohorts that overlap in one unit no combination is that unit."""
    with pytest.raises(RefusedError):
        released(rows(range(10)), rows(range(9, 20)))


CONTENTS = np.array([[1, 2], [3, 4], [1, 2], [1, 3], [1, 2]], dtype=np.uint64)


def test_rows_are_known_again_by_what_they_say_whatever_their_order() -> None:
    found = unit_ids(CONTENTS, b"secret")
    assert len(set(found.tolist())) == 5
    assert set(unit_ids(CONTENTS[[4, 3, 1, 0, 2]], b"secret").tolist()) == set(found.tolist())
    assert set(unit_ids(CONTENTS[:4], b"secret").tolist()) < set(found.tolist())


def test_without_the_secret_nobody_knows_them_again() -> None:
    assert not set(unit_ids(CONTENTS, b"secret").tolist()) & set(unit_ids(CONTENTS, b"another").tolist())
