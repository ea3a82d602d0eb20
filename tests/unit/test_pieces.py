"""A group too large for one slab is worked on in pieces, on every core, and nothing about the answer changes."""

import os
import tracemalloc

import numpy as np
import pytest

from shared.parameters import ParameterLayout
from site_node.estimation import rows as rows_module
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution
from tests.unit.generated import INSIDE, response

NAMES = ("a", "b", "c")


def simulated(n: int, q: int, family: tuple[str, str], group: np.ndarray | None = None) -> tuple[Rows, Model]:
    rng = np.random.default_rng(17)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    eta = X @ np.array([-0.4 + INSIDE.get(family, 0.0), 0.3, 0.2])
    y = response(family, eta, rng)
    rows = Rows.sorted_by_group(X=X, Z=X[:, :q], y=y, weight=np.ones(n), offset=np.zeros(n), group=group)
    known = REGISTRY[family]
    return rows, Model(ParameterLayout.of_one_term(NAMES, NAMES[:q], dispersion=known.dispersion), known)


def psi_of(model: Model) -> np.ndarray:
    q = model.layout.q
    (key,) = (key for key, known in REGISTRY.items() if known is model.family)
    return model.layout.pack(
        np.array([-0.3 + INSIDE.get(key, 0.0), 0.2, 0.1]), 0.5 * np.eye(q) + 0.2 * np.eye(q, k=-1), 0.1
    )


@pytest.mark.parametrize("family", REGISTRY, ids="-".join)
@pytest.mark.parametrize("q", [0, 1, 2])
def test_a_large_group_in_pieces_gives_what_it_gives_whole(
    family: tuple[str, str], q: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, model = simulated(5_000, q, family)
    whole, begun = contribution(rows, model, psi_of(model)), start_contribution(rows, model)
    monkeypatch.setattr(rows_module, "SLAB_ROWS", 700)
    assert len(rows.pieces()) == 8
    cut, begun_cut = contribution(rows, model, psi_of(model)), start_contribution(rows, model)
    pairs = [(whole, cut), *zip(begun.quadratics, begun_cut.quadratics, strict=True)]
    for one, other in pairs:
        scale = np.abs(one.hessian).max()
        assert other.value == pytest.approx(one.value, rel=1e-13)
        np.testing.assert_allclose(other.gradient, one.gradient, rtol=0, atol=1e-13 * scale)
        np.testing.assert_allclose(other.hessian, one.hessian, rtol=0, atol=1e-13 * scale)


def test_large_and_small_groups_in_any_order_give_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = [30, 2_500, 40, 10, 900, 3_000, 20]
    rows, model = simulated(sum(sizes), 1, ("binomial", "logit"), np.repeat(np.arange(7), sizes))
    monkeypatch.setattr(rows_module, "SLAB_ROWS", 500)
    answers = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        answer = contribution(rows, model, psi_of(model))
        answers.append((answer.value, answer.gradient.tobytes(), answer.hessian.tobytes()))
    assert answers[0] == answers[1] == answers[2]


def test_one_group_of_very_many_rows_takes_eight_numbers_a_row_beside_its_design() -> None:
    rows, model = simulated(1_000_000, 1, ("binomial", "logit"))
    tracemalloc.start()
    contribution(rows, model, psi_of(model))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    per_row = 8 * 8  # the predictor without and with the random effects, their column, l and its four derivatives
    assert peak < per_row * rows.n + 30_000_000
