"""A start as one vector: it reads back from a sum with its counts, and one that no sites can have is a fault."""

import numpy as np
import pytest

from shared.contribution import Contribution
from shared.errors import ContributionError
from shared.masking.vectors import NOT_CANCELLED, start_in, start_length, start_vector
from shared.optimisation.start import StartContribution, add_starts, totals_size
from shared.parameters import ParameterLayout

LAYOUT = ParameterLayout(("(Intercept)", "x"))
COUNTS = (40, 2)


def start(at_default: int) -> StartContribution:
    quadratic = Contribution(-3.0, np.array([0.5, 0.25]), np.array([[-2.0, -1.0], [-1.0, -4.0]]))
    return StartContribution((quadratic,), np.ones(totals_size(LAYOUT)), at_default)


def test_a_sum_of_vectors_is_that_of_the_starts_with_how_many_began_at_the_default_point() -> None:
    parts = [start(1), start(0), start(1)]
    vectors = [start_vector(one, COUNTS, LAYOUT) for one in parts]
    assert {len(vector) for vector in vectors} == {start_length(LAYOUT, len(COUNTS))}
    read, counts = start_in(np.sum(vectors, axis=0), LAYOUT, 3, len(COUNTS))
    summed = add_starts(parts)
    assert (read.at_default, counts) == (summed.at_default, (120, 6)) == (2, (120, 6))
    np.testing.assert_array_equal(read.totals, summed.totals)
    np.testing.assert_array_equal(read.quadratics[0].hessian, summed.quadratics[0].hessian)


@pytest.mark.parametrize("said", [-1, 4])
def test_more_sites_at_the_default_point_than_there_are_or_fewer_than_none_are_a_fault(said: int) -> None:
    vector = np.sum([start_vector(start(k), COUNTS, LAYOUT) for k in (said, 0, 0)], axis=0)
    with pytest.raises(ContributionError, match="one of them miscounts"):
        start_in(vector, LAYOUT, 3, len(COUNTS))


def test_that_the_masks_do_not_cancel_is_told_before_any_count_is_read() -> None:
    with pytest.raises(ContributionError, match=NOT_CANCELLED):
        start_in(start_vector(start(7), COUNTS, LAYOUT), LAYOUT, 3, len(COUNTS))
