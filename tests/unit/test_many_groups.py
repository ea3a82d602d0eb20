"""Very many groups are no trouble: everything is vectorised over them and worked on in pieces."""

import tracemalloc

import numpy as np

from shared.optimisation.start import add_starts
from shared.optimisation.step import begin, step
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution

GROUPS = 100_000


def test_a_hundred_thousand_groups_are_fitted_without_copies_of_the_design() -> None:
    rng = np.random.default_rng(8)
    n = 3 * GROUPS
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    group = np.repeat(np.arange(GROUPS), 3)
    eta = X @ np.array([-0.5, 0.3, -0.2, 0.1]) + 0.8 * rng.normal(size=GROUPS)[group]
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    rows = Rows.sorted_by_group(X=X, Z=X[:, :1], y=y, weight=np.ones(n), offset=np.zeros(n), group=group)
    layout = ParameterLayout.of_one_term(("(Intercept)", "a", "b", "c"), ("(Intercept)",))
    model = Model(layout, REGISTRY["binomial", "logit"])
    state = begin(layout, add_starts([start_contribution(rows, model)]), tolerance=1e-16, max_rounds=20)
    tracemalloc.start()
    while state.ending is None:
        state = step(state, contribution(rows, model, state.psi))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state.ending == "converged"
    assert rows.groups == GROUPS
    assert abs(state.psi[0] - -0.5) < 0.1
    assert peak < 3 * X.nbytes  # temporaries of a few pieces, whatever the number of groups
