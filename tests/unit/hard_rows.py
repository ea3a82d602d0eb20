"""Rows of a few columns, and the model that they are hard for."""

import numpy as np

from shared.parameters import ParameterLayout
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows

INTERCEPT = "(Intercept)"
LIMITED = [key for key, family in REGISTRY.items() if family.limited]


def model_of(key: tuple[str, str], fixed: int = 2, *, q: int = 0, known_sd: float | None = None) -> Model:
    names = (INTERCEPT, *(f"x{j}" for j in range(1, fixed)))
    family = REGISTRY[key]
    return Model(ParameterLayout.of_one_term(names, names[:q], known_sd=known_sd, dispersion=family.dispersion), family)


def rows_of(
    X: np.ndarray,
    y: np.ndarray,
    group: np.ndarray | None = None,
    *,
    q: int = 0,
    weight: float = 1.0,
    offset: float = 0.0,
) -> Rows:
    n = len(y)
    group = group if q else None
    return Rows.sorted_by_group(
        X=X, Z=X[:, :q], y=y, weight=weight * np.ones(n), offset=offset * np.ones(n), group=group
    )


N = 400
X1, GROUP = np.random.default_rng(1).normal(size=N), np.arange(N) % 20
X = np.column_stack([np.ones(N), X1])
