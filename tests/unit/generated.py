"""Generated data for the numerical tests: any family of the registry, any shape of random effects."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from shared.parameters import ParameterLayout, Term
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows


class Shape(NamedTuple):
    """A random part: q effects of each group, beside `outer` effects of the groups that these lie in."""

    q: int
    correlated: bool = True
    known_sd: float | None = None
    outer: int = 0
    points: int = 1


SHAPES = [
    Shape(0),
    Shape(1),
    Shape(1, known_sd=0.7),
    Shape(2),
    Shape(2, correlated=False),
    Shape(3),
    Shape(3, correlated=False),
    Shape(1, outer=1),
    Shape(1, outer=2),
    Shape(2, outer=2),
    Shape(2, outer=1, correlated=False),
    Shape(1, points=5),
    Shape(1, points=4, known_sd=0.7),
]
MODELS = list(product(REGISTRY, SHAPES))


INVERSE_LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": expit,
    "probit": ndtr,
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
    "log": np.exp,
    "identity": np.asarray,
    "inverse": np.reciprocal,
}
INSIDE = {("binomial", "log"): -8.0, ("gamma", "inverse"): 8.0}
"""An intercept that keeps predictors inside the domain of a link that has an end."""


def predictors(key: tuple[str, str], eta: np.ndarray) -> np.ndarray:
    """Predictors inside the link's domain: these, reflected and kept off its end where it has one."""
    return eta if key not in INSIDE else np.sign(INSIDE[key]) * (3.0 + np.abs(eta))


def mean_of(key: tuple[str, str], eta: np.ndarray) -> np.ndarray:
    """The inverse link; NaN outside of its domain."""
    with np.errstate(over="ignore"):
        return INVERSE_LINKS[key[1]](eta if key not in INSIDE else np.where(eta * INSIDE[key] > 0.0, eta, np.nan))


def response(key: tuple[str, str], eta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Responses that a family allows, with the mean that eta says where that is moderate."""
    mu = mean_of(key, np.clip(eta, -5.0, 3.0) if key[1] in {"log", "cloglog"} else eta)
    match key[0]:
        case "binomial":
            return (rng.random(len(eta)) < mu).astype(float)
        case "poisson":
            return rng.poisson(mu).astype(float)
        case "negative_binomial":
            return rng.poisson(mu * rng.gamma(2.0, 0.5, len(eta))).astype(float)
        case "gamma":
            return rng.gamma(2.0, mu / 2.0)
        case "inverse_gaussian":
            return rng.wald(mu, 2.0)
        case _:
            return eta + rng.normal(size=len(eta))


def generate(
    key: tuple[str, str],
    shape: Shape,
    *,
    n: int = 90,
    p: int = 3,
    groups: int = 9,
    seed: int = 0,
    restricted: bool = False,
) -> tuple[Rows, Model, np.ndarray, np.ndarray]:
    """Rows, their model, a psi near which to look, and each row's group (rows are sorted by it)."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    Z = np.ascontiguousarray(np.column_stack([np.ones(n), rng.normal(size=(n, 2))]))
    group = np.sort(np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)]))
    outer = group // 3
    effects = 0.6 * rng.normal(size=(groups, shape.q)), 0.5 * rng.normal(size=(groups, shape.outer))
    eta = X @ rng.normal(scale=0.4, size=p) + np.sum(Z[:, : shape.q] * effects[0][group], axis=1)
    eta += np.sum(Z[:, : shape.outer] * effects[1][outer], axis=1) + INSIDE.get(key, 0.0)
    rows = Rows.sorted_by_group(
        X=X,
        Z=Z[:, : max(shape.q, shape.outer)],
        y=response(key, eta, rng),
        weight=rng.uniform(0.5, 2.0, n),
        offset=0.1 * rng.normal(size=n),
        group=group if shape.q else None,
        outer=outer if shape.outer else None,
        effects=(*range(shape.outer), *range(shape.q)),
    )
    names = tuple(f"z{j}" for j in range(3))
    terms = [
        Term(names[: shape.outer], shape.correlated, group="outer"),
        Term(names[: shape.q], shape.correlated, shape.known_sd, group="inner"),
    ]
    layout = ParameterLayout(
        tuple(f"x{j}" for j in range(p)),
        tuple(term for term in terms if term.size),
        REGISTRY[key].dispersion,
        restricted,
    )
    psi = 0.5 * rng.normal(size=layout.size)
    psi[0] += INSIDE.get(key, 0.0)
    return rows, Model(layout, REGISTRY[key]), psi, group


TYPICAL = {
    ("binomial", "log"): -1.5,
    ("poisson", "log"): 0.5,
    ("negative_binomial", "log"): 1.0,
    ("gamma", "inverse"): 2.5,
}
"""An intercept at which responses say something, where it is not 0."""


def typical(key: tuple[str, str], *, n: int = 600, groups: int = 30, seed: int = 0) -> tuple[Rows, Model]:
    """What an analyst may have: effects of three columns, and of each group, that are neither small nor large."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % groups
    X = np.column_stack([np.ones(n), rng.uniform(-1.0, 1.0, n), rng.integers(0, 2, n)])
    effect = rng.uniform(-0.6, 0.6, groups)
    y = response(key, X @ np.array([TYPICAL.get(key, 0.0), 0.4, -0.3]) + effect[group], rng)
    layout = ParameterLayout.of_one_term(
        ("(Intercept)", "a", "b"), ("(Intercept)",), dispersion=REGISTRY[key].dispersion
    )
    ones = np.ones(n)
    rows = Rows.sorted_by_group(X=X, Z=X[:, :1], y=y, weight=ones, offset=0.0 * ones, group=group)
    return rows, Model(layout, REGISTRY[key])
