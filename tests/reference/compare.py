"""Every reference fit beside ours: one `Comparison` a quantity, with how it is measured and how close it has to be.

Some of glmmTMB's stored optima stopped early, and say so: each file holds the gradient that was left. The comparison is
with the point to which that gradient and glmmTMB's own covariance lead (`newton_left`), and standard errors and modes, which
belong to the stored point, are held to its own distance from there (`left_over`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from coordinator.inference import covariance_of_psi, random_quantities, reported_covariance
from shared.optimisation.state import State
from shared.parameters import Matrix, Vector
from site_node.estimation.effects import random_effects
from site_node.estimation.families import REGISTRY
from tests.reference.cases import SITES, Case, case, dealt_fit, fit, names

BOUNDARY = {"lung_inst_ri", "seed_two_sites", "lung_gamma_inst_ri"}
"""The sd is 0: the estimates are the smaller model's, and the sd has no standard error."""
LAPLACE, QUADRATURE, QUADRATURE_ERRORS, PLAIN = 1e-7, 1e-6, 1e-4, 1e-6
"""Of a standard error; of standard errors, relative. glm's standard errors are of the weights before its last iteration."""
TMB_SECOND = 1e-6
"""glmmTMB's curvature in log phi is a difference of its gradient: where by balance two of its standard errors are the same
(machines_nested_gamma), they differ by 2e-8."""
CANONICAL = {("binomial", "logit"), ("poisson", "log")}
"""Elsewhere glm's standard errors are by expected information, and ours by the observed one."""
OTHER_NODES = {("cbpp_log_ri", 5), ("bcg_log_study_ri", 5), ("bcg_log_study_ri", 11)}
"""lme4 places the nodes by expected information, which is not the observed one at this link: with few nodes, other numbers."""
TMB = {"glmmTMB_laplace": "glmmTMB", "tmb_laplace": "TMB"}
NODES, KNOWN = (5, 11, 25), ("0.5", "1", "2")

Key = tuple[str, str, tuple[str, ...]]
"""Kind, group and names of a reported number of the random part."""


@dataclass(frozen=True)
class Comparison:
    """One number of ours beside theirs."""

    case: str
    method: str
    engine: str
    quantity: str
    ours: float
    theirs: float
    difference: float
    """In standard errors, relative for standard errors, absolute for a log-likelihood."""
    within: float

    @property
    def holds(self) -> bool:
        return bool(self.difference <= self.within)


@dataclass(frozen=True)
class Fitted:
    """A fit of ours, as people read it."""

    one: Case
    state: State

    @property
    def beta(self) -> Vector:
        return self.state.psi[: self.state.layout.p]

    @property
    def covariance(self) -> Matrix:
        assert self.state.point is not None
        return covariance_of_psi(self.state.layout, self.state.psi, self.state.point.summed.hessian)

    @property
    def errors(self) -> Vector:
        return np.sqrt(self.covariance.diagonal())

    @property
    def quantities(self) -> dict[Key, tuple[float, float]]:
        """(kind, group, names) of sds, correlations and dispersion: value and standard error."""
        found = random_quantities(self.state.layout, self.state.psi, self.state.basis)
        errors = np.sqrt(reported_covariance(self.state.layout, found, self.covariance).diagonal())[
            self.state.layout.p :
        ]
        return {(q.kind, q.group, q.names): (q.value, float(e)) for q, e in zip(found, errors, strict=True)}


@cache
def fitted(name: str, method: str = "Laplace") -> Fitted:
    """A reference case by one of the methods, its groups dealt over five sites."""
    one = case(name)
    if method == "no random effect":
        plain = one.without_random_effects()
        sites = [plain.rows(np.arange(len(plain.y)) % 3 == k) for k in range(3)]
        return Fitted(plain, fit(sites, plain.model))
    words = method.split()
    points = int(words[0].removeprefix("AGQ-").rstrip(",")) if method.startswith("AGQ-") else 1
    if "sd" in words:
        return Fitted(one, fit(one.sites(SITES), one.with_known_sd(float(words[-1])), points=points))
    return Fitted(one, dealt_fit(name, restricted=method == "REML", points=points))


@dataclass(frozen=True)
class Beside:
    """Our fit of a case beside an engine's."""

    name: str
    method: str
    engine: str
    ours: Fitted

    def number(self, quantity: str, pair: tuple[float, float], difference: float, within: float) -> Comparison:
        ours, theirs = pair
        return Comparison(
            self.name, self.method, self.engine, quantity, float(ours), float(theirs), float(difference), within
        )

    def log_likelihood(self, theirs: float, within: float) -> Comparison:
        value = self.ours.state.log_likelihood
        assert value is not None
        return self.number("log-likelihood", (value, theirs), abs(value - theirs), within)

    def in_errors(self, quantity: str, pair: tuple[float, float], error: float) -> Comparison:
        return self.number(quantity, pair, abs(pair[0] - pair[1]) / error, LAPLACE)

    def relative(self, quantity: str, pair: tuple[float, float], within: float) -> Comparison:
        return self.number(quantity, pair, abs(pair[0] / pair[1] - 1.0), within)

    def farthest_coefficient(self, theirs: np.ndarray, within: float) -> Comparison:
        fixed, p = self.ours.state.layout.fixed, len(theirs)
        distance = np.abs(self.ours.beta - theirs) / self.ours.errors[:p]
        worst = int(np.argmax(distance))
        title = f"coefficient, farthest of {p}: {fixed[worst]}"
        return self.number(title, (self.ours.beta[worst], theirs[worst]), distance[worst], within)

    def farthest_error(
        self, theirs: np.ndarray, within: float, *, quantity: str = "SE", ours: Any = None
    ) -> Comparison:
        own = self.ours.errors[: len(theirs)] if ours is None else ours
        distance = np.abs(own / theirs - 1.0)
        worst = int(np.argmax(distance))
        title = f"{quantity}, farthest of {len(theirs)}"
        return self.number(title, (own[worst], theirs[worst]), distance[worst], within)

    def random_part(self, theirs: dict[Key, tuple[float, float]], errors_within: float) -> Iterator[Comparison]:
        """Sds and correlations, with their standard errors."""
        found = {key: value for key, value in self.ours.quantities.items() if key[0] in {"sd", "cor"}}
        assert found.keys() == theirs.keys()
        for key, (value, error) in found.items():
            yield self.in_errors(_title(key), (value, theirs[key][0]), error)
            yield self.relative(f"SE of {_title(key)}", (error, theirs[key][1]), errors_within)


@cache
def comparisons(name: str) -> tuple[Comparison, ...]:
    """All that a reference file has of a case."""
    found = [*_by_laplace(name), *_by_quadrature(name), *_by_lmer(name), *_without_random_effects(name)]
    assert found
    return tuple(found)


def all_comparisons() -> Iterator[Comparison]:
    for name in names():
        yield from comparisons(name)


def _by_laplace(name: str) -> Iterator[Comparison]:
    fits = case(name).fits
    for key, engine in TMB.items():
        if key in fits:
            yield from _of_tmb(Beside(name, "Laplace", engine, fitted(name)), fits[key])
            yield from _modes(name, fits[key], engine)
    for sd in KNOWN:
        if known := fits.get(f"fixed_sd{sd}_glmmTMB_laplace"):
            method = f"Laplace, sd {sd}"
            yield from _of_tmb(Beside(name, method, "glmmTMB", fitted(name, method)), known, estimated=False)


def _of_tmb(beside: Beside, reference: dict[str, Any], *, estimated: bool = True) -> Iterator[Comparison]:
    ours, left, layout = beside.ours, newton_left(reference), beside.ours.state.layout
    is_boundary = beside.name in BOUNDARY and estimated
    errors_within = LAPLACE if is_boundary else max(LAPLACE, left_over(reference))
    assert tuple(reference["beta"]) == layout.fixed
    yield beside.log_likelihood(reference["logLik"], LAPLACE)
    yield beside.farthest_coefficient(flat(list(reference["beta"].values())) + left[: layout.p], LAPLACE)
    yield beside.farthest_error(flat(reference["se"]), errors_within)
    if not estimated:
        return
    raw = flat(list(reference["se_all"].values()))
    if layout.dispersion:
        place = list(reference["se_all"]).index("betad")
        log_phi = reference["betad"] + (0.0 if is_boundary else left[place])
        yield beside.in_errors("log phi", (float(ours.state.psi[-1]), log_phi), ours.errors[-1])
        yield beside.relative("SE of log phi", (float(ours.errors[-1]), raw[place]), TMB_SECOND)
    if is_boundary:
        ((sd, error), *_) = ours.quantities.values()
        assert sd == 0.0
        assert np.isnan(error)
        return
    yield from beside.random_part(_tmb_random_part(beside.name, reference, left, raw), errors_within)


def _tmb_random_part(
    name: str, reference: dict[str, Any], left: np.ndarray, raw: np.ndarray
) -> dict[Key, tuple[float, float]]:
    """TMB's sds and correlations, polished, with standard errors: its parameters are log sd and t."""
    sds, correlations = reference["random_effects"]["sd"], reference["random_effects"]["corr"]
    place, bars = len(reference["beta"]) + ("betad" in reference["par_raw"]), case(name).bars
    found: dict[Key, tuple[float, float]] = {}
    for k, (group, columns) in enumerate(bars):
        own = flat(sds[k] if len(bars) > 1 else sds)
        for column, sd in zip(columns, own, strict=True):
            found["sd", group, (column,)] = (sd * np.exp(left[place]), sd * raw[place])
            place += 1
        if len(columns) > 1:
            matrix = np.array(correlations[k] if len(bars) > 1 else correlations, dtype=float).reshape(2, 2)
            slope = (1.0 - matrix[0, 1] ** 2) ** 1.5  # correlation = t / sqrt(1 + t^2)
            found["cor", group, columns] = (matrix[0, 1] + slope * left[place], slope * raw[place])
            place += 1
    return found


def _modes(name: str, reference: dict[str, Any], engine: str) -> Iterator[Comparison]:
    """All conditional modes and their conditional standard deviations, relative to the largest."""
    if name in BOUNDARY or "blup_flat" not in reference:
        return
    one, state = case(name), fitted(name).state
    (rows,) = one.sites(1)
    found = dict(zip(("mode", "conditional sd"), random_effects(rows, one.model, state.psi, state.basis), strict=True))
    theirs = {"mode": reference["blup_flat"], "conditional sd": reference["blup_cond_sd_flat"]}
    within = max(LAPLACE, left_over(reference))
    for quantity, values in found.items():
        ours, other = _as_tmb_orders(one, values), flat(theirs[quantity])
        distance = np.abs(ours - other) / np.max(np.abs(other))
        worst = int(np.argmax(distance))
        title = f"{quantity}, farthest of {len(other)}"
        yield Beside(name, "Laplace", engine, fitted(name)).number(
            title, (ours[worst], other[worst]), distance[worst], within
        )


def _as_tmb_orders(one: Case, values: np.ndarray) -> np.ndarray:
    """Term by term, in each the groups in order, in each the effects: from (G, q)."""
    layout = one.model.layout
    labels = np.unique(np.column_stack([one.outer, one.group]), axis=0)
    effects = [(term.group, column) for term in layout.terms for column in term.columns]
    parts = []
    for group, columns in one.bars:
        is_outer = layout.q_outer > 0 and group == layout.terms[0].group
        _, first = np.unique(labels[:, 0 if is_outer else 1], return_index=True)
        parts.append(values[first][:, [effects.index((group, column)) for column in columns]].ravel())
    return np.concatenate(parts)


def _by_quadrature(name: str) -> Iterator[Comparison]:
    fits = case(name).fits
    wanted = {f"lme4_nAGQ{k}": f"AGQ-{k}" for k in NODES if (name, k) not in OTHER_NODES}
    wanted |= {f"fixed_sd{sd}_lme4_nAGQ25": f"AGQ-25, sd {sd}" for sd in KNOWN}
    for key, method in wanted.items():
        if key not in fits:
            continue
        reference, beside = fits[key], Beside(name, method, "lme4", fitted(name, method))
        assert tuple(reference["beta"]) == beside.ours.state.layout.fixed
        yield beside.log_likelihood(reference["loglik_full"], QUADRATURE)
        yield beside.farthest_coefficient(flat(list(reference["beta"].values())), QUADRATURE)
        yield beside.farthest_error(flat(reference["se"]), QUADRATURE_ERRORS)
        if "sd" not in method and name not in BOUNDARY:
            ((own, (sd, error)),) = beside.ours.quantities.items()
            (theirs,) = (value for effects in reference["random_effects"].values() for value in effects["sd"].values())
            yield beside.number(_title(own), (sd, theirs), abs(sd - theirs) / error, QUADRATURE)


def _by_lmer(name: str) -> Iterator[Comparison]:
    for method in ("ML", "REML"):
        if f"lme4_{method}" not in case(name).fits:
            continue
        lme4, glmmtmb = (case(name).fits[f"{engine}_{method}"] for engine in ("lme4", "glmmTMB"))
        ours = fitted(name, "REML" if method == "REML" else "Laplace")
        beside, layout = Beside(name, method, "lme4", ours), ours.state.layout
        assert tuple(lme4["beta"]) == layout.fixed
        assert ours.state.point is not None
        yield beside.log_likelihood(lme4["logLik"], LAPLACE)
        yield beside.farthest_coefficient(flat(list(lme4["beta"].values())), LAPLACE)
        A = -ours.state.point.summed.hessian[: layout.p, : layout.p]
        given_theta = np.sqrt(np.linalg.inv(A).diagonal())
        yield beside.farthest_error(flat(lme4["se"]), LAPLACE, quantity="SE given theta", ours=given_theta)
        if glmmtmb["vcov_observed_information"] is not None:
            observed = np.sqrt(np.array(glmmtmb["vcov_observed_information"]).diagonal())
            yield Beside(name, method, "glmmTMB", ours).farthest_error(observed, LAPLACE)
        for key, (value, error) in ours.quantities.items():
            yield beside.in_errors(_title(key), (value, _of_lme4(lme4, key)), error)


def _of_lme4(lme4: dict[str, Any], key: Key) -> float:
    kind, group, columns = key
    if kind == "sigma":
        return float(lme4["sigma"])
    parts = [part for of, part in lme4["random_effects"].items() if of.split(".")[0] == group]  # `Subject.1`
    if kind == "cor":
        return float(parts[0]["corr"][1][0])
    (sd,) = (part["sd"][columns[0]] for part in parts if columns[0] in part["sd"])
    return float(sd)


def _without_random_effects(name: str) -> Iterator[Comparison]:
    """R's glm, in the families whose likelihood it maximises."""
    plain = case(name).fits.get("glm_no_random_effects")
    if plain is None or case(name).model.family.dispersion:
        return
    method = "no random effect"
    beside = Beside(name, method, "glm", fitted(name, method))
    assert tuple(plain["beta"]) == beside.ours.state.layout.fixed
    yield beside.log_likelihood(plain["logLik"], LAPLACE)
    yield beside.farthest_coefficient(flat(list(plain["beta"].values())), LAPLACE)
    if family_of(name) in CANONICAL:
        yield beside.farthest_error(flat(plain["se"]), PLAIN)


def family_of(name: str) -> tuple[str, str]:
    (key,) = (key for key, family in REGISTRY.items() if family is case(name).model.family)
    return key


def _title(key: Key) -> str:
    kind, group, columns = key
    return kind if kind == "sigma" else f"{kind} of {', '.join(columns)} by {group}"


def flat(value: object) -> Vector:
    return np.array(value, dtype=float).ravel()


def newton_left(reference: dict[str, Any]) -> Vector:
    """The step that the engine's own gradient (of minus the log-likelihood) and covariance leave to be taken."""
    covariance: Matrix = np.nan_to_num(np.array(reference["vcov_all"], dtype=float))
    return -covariance @ flat(reference["grad"])


def left_over(reference: dict[str, Any]) -> float:
    """Its length in standard errors."""
    return float(np.max(np.abs(newton_left(reference)) / flat(list(reference["se_all"].values()))))
