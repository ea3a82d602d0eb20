"""Sums in fixed point under masks give every reference fit the estimates that open sums give, also in other units."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from shared.contribution import Contribution, total
from shared.masking import encoding
from shared.masking.encoding import Fixed, add, decode, encode, subtract
from shared.masking.vectors import contribution_in, contribution_vector, start_in, start_vector
from shared.optimisation.start import StartContribution, add_starts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.parameters import Vector
from site_node.estimation.contribution import contribution
from site_node.estimation.start import start_contribution
from tests.reference.cases import Case, case, names

SITES = 3
PRECISE = 1e-20
"""Newton decrement: 1e-10 of a standard error."""
WITHIN = 1e-9
"""Of a standard error."""


def in_units(one: Case, units: Sequence[float]) -> Case:
    """The columns in these units in turn, but for the intercept."""
    layout = one.model.layout
    columns = [name for name in layout.fixed if name != "(Intercept)"]
    unit = {name: units[place % len(units)] for place, name in enumerate(columns)} | {"(Intercept)": 1.0}
    fixed, random = ([unit[name] for name in some] for some in (layout.fixed, layout.columns))
    return replace(one, X=one.X * fixed, Z=one.Z * random)


def summed(vectors: list[Vector]) -> Vector:
    """As sites send them, under masks that cancel, and as everybody reads their sum."""
    rng = np.random.default_rng(len(vectors[0]))
    masks: list[Fixed] = [rng.integers(0, 2**64, (len(vectors[0]), 2), dtype=np.uint64) for _ in vectors[1:]]
    masks.append(subtract(np.zeros_like(masks[0]), encoding.total(masks)))
    sent = [add(encode(vector, len(vectors)), mask) for vector, mask in zip(vectors, masks, strict=True)]
    return decode(encoding.total(sent))


def fit(one: Case, *, masked: bool) -> State:
    """The whole estimation, from sums of either kind."""
    sites, model = one.sites(SITES), one.model
    layout = model.layout

    def of_starts(parts: list[StartContribution]) -> StartContribution:
        if not masked:
            return add_starts(parts)
        return start_in(summed([start_vector(part, (), layout) for part in parts]), layout, len(sites), 0)[0]

    def of_rounds(parts: list[Contribution]) -> Contribution:
        if not masked:
            return total(parts)
        return contribution_in(summed([contribution_vector(part, layout) for part in parts]), layout, len(sites))

    start = of_starts([start_contribution(rows, model) for rows in sites])
    state = begin(layout, start, tolerance=PRECISE, max_rounds=50)
    while state.ending is None:
        psi = state.psi
        state = step(state, of_rounds([contribution(rows.in_basis(state.basis), model, psi, 1) for rows in sites]))
    return state


@pytest.mark.parametrize("units", [(1.0,), (1e-4, 1e3)], ids=["as they are", "scaled"])
@pytest.mark.parametrize("name", names())
def test_masks_change_no_estimate(name: str, units: tuple[float, ...]) -> None:
    """To 1e-9 of a standard error, in the metric of the information: no single parameter is farther away."""
    one = in_units(case(name), units)
    ours, plain = fit(one, masked=True), fit(one, masked=False)
    assert ours.ending == plain.ending
    assert plain.ending in {"converged", "boundary"}
    assert plain.point is not None
    away = ours.psi - plain.psi
    squared = float(-away @ plain.point.summed.hessian @ away)
    assert np.sqrt(max(0.0, squared)) <= WITHIN
