"""How much of an answer is a single unit's (G1): no unit may be more than a third of what an answer says in any direction.

A unit's leverage is the sum of w x'H^-1 x over its rows, at least the largest share of the information H, in any combination
of the coefficients, that its rows bring. A unit of leverage 1 has a direction of the Hessian to itself. H is the site's own,
X'WX, or that of all sites, in which a site's rows drown; there a site must also do with many units what it does.

Source: Hoaglin and Welsch (1978), The hat matrix in regression and ANOVA; for generalized linear models Pregibon (1981),
Logistic regression diagnostics.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.errors import RefusedError
from shared.parameters import Matrix, Vector
from site_node.data.counts import Unit, by_unit
from site_node.data.design import SiteDesign
from site_node.estimation.rows import Index
from site_node.release.policy import cells_clear

RULE = "G1"
CODE = "leverage"
MOST = 1 / 3
"""Of the information in any direction: the share of one unit."""
FEWEST_CARRYING = 10
LEAST_CARRYING = 1 / 5
"""Of the units: so many must carry the answer of a site whose units pass only among those of all sites."""
ROUNDING = 1e-14
"""Of the largest eigenvalue of H in units of its diagonal: a direction in which rounding leaves nothing to read."""
SURE = 1e-9
"""Of the largest eigenvalue: one that rounding leaves as it is."""
MANY = 100.0
"""Times the rows' mean: a row with a share of the information so large is cleared by the directions that are not weak."""
OCTAVES = 60
"""Of the largest ratio of a weight to its prior weight: how far down the bound looks."""
_BLOCK = 8_192


@dataclass(frozen=True)
class Heavy:
    """The unit of the largest leverage. For the site's own eyes only."""

    leverage: float
    row: int
    """The first of its rows, in the order of the design."""


@dataclass(frozen=True)
class Judgement:
    """Of an answer."""

    own: bool
    """Whether no unit is above the limit by the site's own information."""
    heavy: Heavy | None = None
    """The unit that keeps the answer from leaving: above the limit there, and not let pass among all sites."""


@dataclass(frozen=True)
class Leverage:
    """Judges the answers from one design."""

    X: Matrix
    """(n, p)"""
    prior: Vector
    """What the rows weigh before any psi, (n,)."""
    even: Vector
    """Each row's leverage if all weighed no more and no less than that, (n,)."""
    root: Matrix | None
    """F with F F' the inverse of their information then, (p, r)."""
    unit: Unit | None
    """Of each row; every row is one unless given."""
    cells_clear: bool
    """Whether no level, cell or outcome has a unit or two."""

    @classmethod
    def of(cls, design: SiteDesign) -> "Leverage":
        """Of a design that keeps the floors (G5)."""
        X, prior = design.rows.X, design.rows.weight
        root = _inverse_root(_information(X, prior))
        even = np.ones(len(X)) if root is None else prior * _squares(X, root, slice(None))  # none is larger than one
        return cls(X, prior, even, root, design.unit, cells_clear(design.counts))

    def judged(self, weights: Matrix, pooled: Matrix | None = None) -> Judgement:
        """Whether an answer may leave, and in which way.

        Args:
            weights: of the rows in the answer, (k, n), in each of k ways.
            pooled: the fixed effects' block of minus the Hessian of the last sum over all sites whose proof was checked,
                (p, p). Without one a site must pass by itself.
        """
        alone = True
        for weight in weights:
            heaviest = self._heaviest(weight)
            if heaviest is not None and not (pooled is not None and self._drowns(weight, pooled)):
                return Judgement(own=False, heavy=heaviest)
            alone &= heaviest is None
        return Judgement(own=alone)

    def _heaviest(self, weight: Vector) -> Heavy | None:
        """The unit above the limit under the site's own H; leverages are computed only of the rows that a bound leaves."""
        largest = float(weight.max())
        if largest == 0.0:
            return Heavy(np.inf, 0)
        weight = weight / largest
        suspects = self.suspects(weight)
        if not len(suspects):
            return None
        H = _information(self.X, weight)
        if self.root is not None and 2 * len(suspects) > len(weight):
            suspects = self._suspects_under(H, weight, self.root)
        return self._heaviest_under(H, weight, suspects) if len(suspects) else None

    def suspects(self, weight: Vector) -> Index:
        """The rows of those units that may be above the limit, by a bound that only takes a pass over the weights.

        Let s be the sum of the even leverages of all rows whose ratio of weight to prior weight is below c. It is the trace
        of their share of the information of the prior weights, so the other rows hold at least (1 - s) of that in every
        direction, and H at least c (1 - s): a row's leverage is at most its even one times its ratio over c (1 - s).
        """
        ratio = self._ratio(weight)
        top, exponents = int(np.frexp(ratio.max())[1]), np.frexp(ratio)[1]
        octave = np.where(ratio > 0.0, np.minimum(top - exponents, OCTAVES), OCTAVES)
        even = np.bincount(octave, self.even, minlength=OCTAVES + 1)
        below = even.sum() - np.cumsum(even)[:-1]
        held = (1.0 - below) * np.ldexp(1.0, top - 1 - np.arange(OCTAVES))
        return self._above(self.even * ratio, MOST * max(float(held.max()), 0.0))

    def _suspects_under(self, H: Matrix, weight: Vector, root: Matrix) -> Index:
        """The same by the spectrum of F'HF, whose directions are those of H beside the information of the prior weights.

        What a row holds of the weak directions is computed. Of the others, in which H holds at least some multiple l of that
        information, it is at most the row's even leverage times its ratio over l: the sum of all rows' is the trace.
        """
        values, vectors = np.linalg.eigh(root.T @ H @ root)
        weak = int(np.searchsorted(values, MANY * values.sum() / (MOST * len(weight))))
        if values[0] < SURE * values[-1] or weak == len(values):
            return np.arange(len(weight))
        shares = self.even * self._ratio(weight) / values[weak]
        if weak:
            shares += weight * _squares(self.X, root @ (vectors[:, :weak] / np.sqrt(values[:weak])), slice(None))
        return self._above(shares, MOST * (1.0 - 1e-3))  # rounding may have taken as much

    def _ratio(self, weight: Vector) -> Vector:
        """Of the weights to the prior ones."""
        return np.divide(weight, self.prior, out=np.zeros_like(weight), where=self.prior > 0.0)

    def _above(self, shares: Vector, limit: float) -> Index:
        """The rows of the units whose rows' shares are above a limit together."""
        above = by_unit(shares, self.unit) > limit
        return np.flatnonzero(above if self.unit is None else above[self.unit])

    def is_carried_by_many(self, weight: Vector) -> bool:
        """Whether (sum w)^2 / sum w^2 over units, the number of equal ones that would carry as much, is large enough."""
        carried = by_unit(weight, self.unit)
        carried = carried / carried.max() if carried.any() else carried  # then their squares do not underflow
        enough = max(FEWEST_CARRYING, LEAST_CARRYING * len(carried))
        return 0.0 < enough * float(carried @ carried) <= float(carried.sum()) ** 2

    def _drowns(self, weight: Vector, pooled: Matrix) -> bool:
        """Whether a site whose own H does not do passes among all sites."""
        everybody = np.arange(len(weight))
        whole = len(pooled) == _rank(pooled)  # a direction of which all sites hold nothing is the site's own
        clear = whole and self.cells_clear and self.is_carried_by_many(weight)
        return clear and self._heaviest_under(pooled, weight, everybody) is None

    def _heaviest_under(self, H: Matrix, weight: Vector, rows: Index) -> Heavy | None:
        """The unit above the limit among those of some rows, all of each unit's; infinite where H is no information."""
        root = _inverse_root(H)
        if root is None:
            return Heavy(np.inf, int(np.argmax(weight)))
        unit = None if self.unit is None else self.unit[rows]
        shares = by_unit(weight[rows] * _squares(self.X, root, rows), unit)
        worst = int(np.argmax(shares))
        if shares[worst] <= MOST:
            return None
        return Heavy(float(shares[worst]), int(rows[worst] if unit is None else rows[np.argmax(unit == worst)]))


def refusal() -> RefusedError:
    """What the other side is told."""
    return RefusedError(
        "an answer at these parameters would be too much that of a single unit.",
        rule=RULE,
        where="the site's policy",
        remedy="Leave out a variable that separates the outcomes, use fewer terms, fewer levels or a transformation that draws "
        "extreme values in, or leave this site out of the roster.",
        code=CODE,
    )


def _information(X: Matrix, weight: Vector) -> Matrix:
    """X'WX, (p, p)."""
    total, root = np.zeros((X.shape[1], X.shape[1])), np.sqrt(weight)
    for rows in _blocks(len(X)):
        scaled = root[rows, None] * X[rows]
        total += scaled.T @ scaled
    return total


def _inverse_root(H: Matrix) -> Matrix | None:
    """F with H^-1 = F F', (p, r), over the directions of which H holds something; None if not positive semidefinite."""
    root = np.sqrt(np.maximum(H.diagonal(), 0.0))
    scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    values, vectors = np.linalg.eigh(scale[:, None] * H * scale)
    least = ROUNDING * len(H) * float(values[-1])
    if not values[0] >= -least:
        return None
    held = values > least
    return np.asarray(scale[:, None] * vectors[:, held] / np.sqrt(values[held]))


def _rank(H: Matrix) -> int:
    root = _inverse_root(H)
    return 0 if root is None else root.shape[1]


def _squares(X: Matrix, root: Matrix, rows: Index | slice) -> Vector:
    """The size x'F F'x of some rows."""
    chosen = X[rows] if isinstance(rows, slice) or len(rows) < len(X) else X  # not copied where it is all of them
    parts = (chosen[block] @ root for block in _blocks(len(chosen)))
    return np.concatenate([np.einsum("ij,ij->i", part, part) for part in parts])


def _blocks(rows: int) -> Iterator[slice]:
    """Runs that stay in a core's cache."""
    return (slice(first, first + _BLOCK) for first in range(0, rows, _BLOCK))
