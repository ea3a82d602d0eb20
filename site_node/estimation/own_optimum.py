"""The coefficients of one site's rows without random effects: a point to expand about, found roughly (docs/model.md)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.rows import Rows
from site_node.estimation.sums import weighted_cross_product

PRIOR_SD = 5.0
"""Of the linear predictor: keeps a site's own optimum finite when the site is separated."""
ENOUGH = 1e-3
"""Newton decrement at which a site's own optimum is good enough to expand about."""
MAX_ITERATIONS = 50
MOST_RETREATS = 30
"""Halvings of the way to a constant predictor, for a first guess outside the link's domain."""


@dataclass(frozen=True)
class OwnProblem:
    """The lightly ridged log-likelihood of some rows at phi = 1, as a function of beta."""

    rows: Rows
    family: Family

    @cached_property
    def ridge(self) -> Matrix:
        """In units of the columns' products, so it bounds the linear predictor however collinear they are.

        And of a row's information at phi = 1, where that tends to zero as means grow: a shape has no unit of its own.
        """
        gram = self._information * (self.rows.X.T @ self.rows.X) / max(self.rows.n, 1) / (PRIOR_SD * PRIOR_SD)
        return np.asarray(gram + np.diag(np.where(gram.diagonal() > 0.0, 1e-6 * gram.diagonal(), 1.0)))

    @cached_property
    def _information(self) -> float:
        if self.family.dispersion != "shape":
            return 1.0
        _, information = self.family.working(
            self.rows.y, self.rows.weight, mean_eta(self.rows, self.family) + 0.0 * self.rows.y
        )
        return float(np.mean(information))

    def value(self, b: Vector) -> float:
        """At b; not finite outside the link's domain."""
        rows, family = self.rows, self.family
        l = family.log_likelihood(rows.y, rows.weight, rows.offset + rows.X @ b, family.working_log_phi)
        return float(np.sum(l) - b @ self.ridge @ b / 2)

    def newton(self, b: Vector) -> tuple[Vector, float]:
        """The step from b, and its decrement."""
        l1, l2 = slopes(self.rows, self.family, self.rows.offset + self.rows.X @ b)
        gradient = l1 @ self.rows.X - self.ridge @ b
        step = np.linalg.solve(self.ridge - weighted_cross_product(self.rows.X, l2), gradient)
        return np.asarray(step), float(step @ gradient) / 2

    def first(self) -> Vector:
        """Where to begin: nowhere in particular, or where the link's domain or a large response asks for it.

        Least squares of the responses' own predictors; drawn towards a constant predictor until it is inside the domain.
        """
        if not (self.family.limited or self.family.dispersion):
            return np.zeros(self.rows.X.shape[1])
        guess = of_responses(self.rows, self.family)
        constant = _least_squares(self.rows, np.full(self.rows.n, mean_eta(self.rows, self.family)))
        for _ in range(MOST_RETREATS):
            if np.isfinite(self.value(guess)):
                return guess
            guess = (guess + constant) / 2.0
        return constant


def own_optimum(rows: Rows, family: Family) -> Vector:
    """Newton with halving, (p,). Where even the first guess has no finite likelihood, that guess."""
    problem = OwnProblem(rows, family)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        b = problem.first()
        best = problem.value(b)
        if not np.isfinite(best):
            return b
        step, decrement = problem.newton(b)
        for _ in range(MAX_ITERATIONS):
            trial = b + step
            value = problem.value(trial)
            if not value >= best - ENOUGH:
                step = step / 2
                continue
            b, best = trial, value
            if decrement <= ENOUGH:
                break
            step, decrement = problem.newton(b)
    return b


def of_responses(rows: Rows, family: Family) -> Vector:
    """Least squares of each row's own predictor, (p,)."""
    return _least_squares(rows, family.initial_eta(rows.y, rows.weight))


def _least_squares(rows: Rows, eta: Vector) -> Vector:
    root = np.sqrt(rows.weight)
    b, *_ = np.linalg.lstsq(root[:, None] * rows.X, root * (eta - rows.offset))
    return np.asarray(b)


def default_point(rows: Rows, family: Family) -> Vector:
    """A point that no response has a part in, (p,): the predictor zero, or that of a mean of one half where zero is outside."""
    if not family.limited:
        return np.zeros(rows.X.shape[1])
    eta = family.initial_eta(np.array([0.5]), np.array([1.0]))
    return _least_squares(rows, np.broadcast_to(eta, rows.n))


def slopes(rows: Rows, family: Family, eta: Vector) -> tuple[Vector, Vector]:
    """l1 and l2; in a family with a dispersion at phi = 1, and minus the expected information."""
    if not family.dispersion:
        l1, l2 = family.derivatives(rows.y, rows.weight, eta, 0.0, 2)
        return l1, l2
    score, information = family.working(rows.y, rows.weight, eta)
    return score, -information


def mean_eta(rows: Rows, family: Family) -> float:
    """The predictor of the rows' mean response."""
    weight = float(np.sum(rows.weight))
    mean = np.array([float(rows.weight @ rows.y) / weight if weight > 0.0 else 0.5])
    return float(family.initial_eta(mean, np.array([weight]))[0])
