"""The sum over sites is the pooled likelihood, however the groups are dealt."""

import math
from collections.abc import Sequence
from itertools import cycle, pairwise

import numpy as np
import pytest

from coordinator.inference import covariance_of_psi, random_quantities, reported_covariance
from shared.contribution import Contribution, total
from shared.optimisation.state import State
from site_node.estimation.contribution import contribution
from tests.reference.cases import case, fit, names
from tests.unit.generated import MODELS, Shape, generate

MOST_SITES = 50
TOLERANCE = 1e-19
WITH_GROUPS = [(key, shape) for key, shape in MODELS if shape.q > 0]


def is_restricted(key: tuple[str, str], shape: Shape) -> bool:
    """A Gaussian model by Laplace is also tried with its restricted likelihood, which asks for more sums."""
    return key[0] == "gaussian" and shape.points == 1


def distance(parts: Sequence[Contribution], whole: Contribution, terms: Sequence[Contribution] | None = None) -> float:
    """Largest difference of an entry, relative to the sum of the absolute terms that made it: the parts, or given ones."""
    summed, terms = total(parts), terms or parts
    found = []
    for name in ("value", "gradient", "hessian", "information"):
        a, b = getattr(summed, name), getattr(whole, name)
        if b is not None:
            scale = sum(np.abs(getattr(term, name)) for term in terms)
            found.append(float(np.max(np.abs(a - b) / np.where(scale > 0.0, scale, 1.0), initial=0.0)))
    return max(found)


@pytest.mark.parametrize("name", names())
def test_any_number_of_sites_gives_the_pooled_contribution_at_a_fixed_psi(name: str) -> None:
    """Where an estimation comes by: some other psi may lie outside a link's domain, and all are worthless there alike."""
    one = case(name)
    psi = fit(one.sites(1), one.model, max_rounds=2).psi
    whole = contribution(one.sites(1)[0], one.model, psi)
    assert not whole.is_worthless
    many = [contribution(site, one.model, psi) for site in one.sites(MOST_SITES)]
    scale = sum(np.abs(part.hessian) for part in many)
    dealt = [[contribution(site, one.model, psi) for site in one.sites(count)] for count in (2, 5)]
    for parts in (*dealt, many):
        summed = total(parts)
        assert abs(summed.value - whole.value) <= 1e-12 * sum(abs(part.value) for part in many)
        assert (np.abs(summed.hessian - whole.hessian) <= 1e-12 * scale + 1e-300).all()
        gradient_scale = sum(np.abs(part.gradient) for part in many)
        assert (np.abs(summed.gradient - whole.gradient) <= 1e-12 * gradient_scale + 1e-300).all()


def estimates(state: State) -> tuple[np.ndarray, np.ndarray]:
    """What is reported (signs of Lambda's columns mean nothing), with standard errors."""
    assert state.point is not None
    layout = state.layout
    quantities = random_quantities(layout, state.psi, state.basis)
    covariance = covariance_of_psi(layout, state.psi, state.point.summed.hessian)
    values = [*state.psi[: layout.p], *(quantity.value for quantity in quantities)]
    return np.array(values), np.sqrt(reported_covariance(layout, quantities, covariance).diagonal())


@pytest.mark.parametrize(("name", "count"), list(zip(names(), cycle((2, 5, MOST_SITES)))))
def test_any_number_of_sites_gives_the_pooled_estimates(name: str, count: int) -> None:
    """To 1e-9 standard errors at a tolerance of 1e-19.

    The sums differ by rounding, so one fit may stop a round before the other. A Newton decrement of t is half the squared
    distance to the optimum in standard errors, so two fits that stop below s and t are within sqrt(2 s) + sqrt(2 t).
    """
    one = case(name)
    pooled, dealt = (fit(one.sites(sites), one.model, tolerance=TOLERANCE) for sites in (1, count))
    assert dealt.ending == pooled.ending
    assert pooled.decrement is not None
    assert dealt.decrement is not None
    assert max(pooled.decrement, dealt.decrement) <= TOLERANCE
    values, se = estimates(pooled)
    theirs, _ = estimates(dealt)
    free = np.isfinite(se)
    apart = 2.0 * math.sqrt(2.0 * TOLERANCE) + 1e-10
    assert np.max(np.abs(theirs - values)[free] / se[free]) < apart
    np.testing.assert_array_equal(theirs[~free], values[~free])


@pytest.mark.parametrize(("key", "shape"), WITH_GROUPS)
def test_any_partition_of_the_outer_groups_gives_the_pooled_contribution(key: tuple[str, str], shape: Shape) -> None:
    rng = np.random.default_rng(WITH_GROUPS.index((key, shape)))
    rows, built, psi, _ = generate(key, shape, restricted=is_restricted(key, shape))
    groups = len(rows.outer) - 1
    cuts = sorted(rng.choice(np.arange(1, groups), rng.integers(1, groups), replace=False))

    def of(first: int, last: int) -> Contribution:
        return contribution(rows.select_outer(first, last), built, psi, shape.points)

    parts, alone = [of(a, b) for a, b in pairwise([0, *cuts, groups])], [of(o, o + 1) for o in range(groups)]
    assert distance(parts, contribution(rows, built, psi, shape.points), alone) < 1e-11


@pytest.mark.parametrize(("key", "shape"), MODELS)
def test_the_order_of_rows_and_sites_does_not_matter(key: tuple[str, str], shape: Shape) -> None:
    rows, built, psi, group = generate(key, shape, restricted=is_restricted(key, shape))
    order = np.random.default_rng(MODELS.index((key, shape))).permutation(rows.n)
    shuffled = type(rows).sorted_by_group(
        X=rows.X[order],
        Z=rows.Z[order],
        y=rows.y[order],
        weight=rows.weight[order],
        offset=rows.offset[order],
        group=group[order] if shape.q else None,
        outer=group[order] // 3 if shape.outer else None,
        effects=rows.effects,
    )
    one, other = (contribution(either, built, psi, shape.points) for either in (rows, shuffled))
    assert distance([one], other) < 1e-10
    sites = [rows.select_outer(a, b) for a, b in ((0, 1), (1, len(rows.outer) - 1)) if a < b]
    parts = [contribution(site, built, psi, shape.points) for site in sites]
    forward, backward = total(parts), total(parts[::-1])
    assert forward.value == backward.value
    np.testing.assert_array_equal(forward.gradient, backward.gradient)
    np.testing.assert_array_equal(forward.hessian, backward.hessian)
