"""How much of an answer is a single unit's (G1): no unit may be more than a third of what an answer says in any direction.

A unit's leverage is the sum of w x'H^-1 x over its rows, at least the largest share of the information H, in any combination
of the coefficients, that its rows bring. A unit of leverage 1 has a direction of the Hessian to itself. H is the site's own,
X'WX, or that of all sites, in which a site's rows drown; there a site must also do with many units what it does.

Source: Hoaglin and Welsch (1978), The hat matrix in regression and ANOVA; for generalized linear models Pregibon (1981),
Logistic regression diagnostics.
"""

from dataclasses import dataclass

import numpy as np

from shared.errors import RefusedError
from shared.parameters import Matrix, Vector
from site_node.data.counts import Unit, by_unit
from site_node.data.design import SiteDesign
from site_node.estimation.rows import Index
from site_node.release.information import (
    MARGIN,
    LowerBound,
    from_some_rows,
    information,
    inverse_root,
    lost_to_rounding,
    rank,
    squares,
)
from site_node.release.policy import cells_clear

RULE = "G1"
CODE = "leverage"
MOST = 1 / 3
"""Of the information in any direction: the share of one unit."""
FEWEST_CARRYING = 10
LEAST_CARRYING = 1 / 5
"""Of the units: so many must carry the answer of a site whose units pass only among those of all sites."""
MANY = 100.0
"""Times the rows' mean: a row with a share of the information so large is cleared by the directions that are not weak."""
FEW = 10
"""So many rows, or directions, have to be there for each row of which more is computed."""
OCTAVES = 60
"""Of the largest ratio of a weight to its prior weight: how far down the bound looks."""


@dataclass(frozen=True)
class Heavy:
    """The unit of the largest leverage. For the site's own eyes only."""

    leverage: float
    """Or a bound below it that is above the limit."""
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
    lost: float
    """To rounding, of that information in its own coordinates, where it is the identity."""
    unit: Unit | None
    """Of each row; every row is one unless given."""
    cells_clear: bool
    """Whether no level, cell or outcome has a unit or two."""

    @classmethod
    def of(cls, design: SiteDesign) -> "Leverage":
        """Of a design that keeps the floors (G5)."""
        X, prior = design.rows.X, design.rows.weight
        H = information(X, prior)
        root = inverse_root(H)
        even = np.ones(len(X)) if root is None else prior * squares(X, root)  # none is larger than one
        lost = 1.0 if root is None else lost_to_rounding(H, root)
        return cls(X, prior, even, root, lost, design.unit, cells_clear(design.counts))

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
        """The unit above the limit under the site's own H, which is computed only where bounds of it leave that open."""
        largest = float(weight.max())
        if not 0.0 < largest < np.inf:
            return Heavy(np.inf, 0)
        weight = weight / largest
        rows, heavy = self.suspects(weight), None
        if len(rows) and self.root is not None:
            bound = from_some_rows(self.X, self.root, self.prior, self._ratio(weight), self.even, lost=self.lost)
            rows, heavy = self._told(bound, weight, self._left_by(bound, weight, rows))
        return heavy if heavy or not len(rows) else self._heaviest_under(information(self.X, weight), weight, rows)

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
        held = (1.0 - below - self.lost) * np.ldexp(1.0, top - 1 - np.arange(OCTAVES))
        return self._above(self.even * ratio, MOST * max(float(held.max()), 0.0), np.arange(len(weight)))

    def _left_by(self, bound: LowerBound | None, weight: Vector, rows: Index) -> Index:
        """Those of some rows whose units may be above the limit under an H that is no less than the bound."""
        if bound is None:
            return rows
        limit, shares = MOST * (1.0 - MARGIN), self.even * self._ratio(weight)
        rows = self._above(shares[rows] / bound.values[0], limit, rows)
        if FEW * len(rows) <= len(weight):
            return self._above(bound.most(self.X, weight, rows), limit, rows)
        weak = int(np.searchsorted(bound.values, MANY * bound.values.sum() / (MOST * len(weight))))
        if weak == len(bound.values):
            return rows
        return self._above(bound.coarsely(self.X, weight, shares, weak)[rows], limit, rows)

    def _told(self, bound: LowerBound | None, weight: Vector, rows: Index) -> tuple[Index, Heavy | None]:
        """The same of so few rows that a pass tells more; and the unit of the largest leverage, where that shows it."""
        if bound is None or not 0 < FEW * len(rows) <= len(bound.values):
            return rows, None
        unit = None if self.unit is None else self.unit[rows]
        least, most = (by_unit(one, unit) for one in bound.sharply(self.X, weight, rows))
        worst = int(np.argmax(least))
        if least[worst] > MOST * (1.0 + MARGIN) and least[worst] >= np.delete(most, worst).max(initial=0.0):
            return rows, Heavy(float(least[worst]), _first(rows, unit, worst))
        may = most > MOST * (1.0 - MARGIN)
        return rows[may if unit is None else may[unit]], None

    def _ratio(self, weight: Vector) -> Vector:
        """Of the weights to the prior ones."""
        return np.divide(weight, self.prior, out=np.zeros_like(weight), where=self.prior > 0.0)

    def _above(self, shares: Vector, limit: float, rows: Index) -> Index:
        """Those of some rows, all of each unit's, the shares of whose units are above a limit together."""
        unit = None if self.unit is None else self.unit[rows]
        above = by_unit(shares, unit) > limit
        return rows[above if unit is None else above[unit]]

    def is_carried_by_many(self, weight: Vector) -> bool:
        """Whether (sum w)^2 / sum w^2 over units, the number of equal ones that would carry as much, is large enough."""
        carried = by_unit(weight, self.unit)
        carried = carried / carried.max() if carried.any() else carried  # then their squares do not underflow
        enough = max(FEWEST_CARRYING, LEAST_CARRYING * len(carried))
        return 0.0 < enough * float(carried @ carried) <= float(carried.sum()) ** 2

    def _drowns(self, weight: Vector, pooled: Matrix) -> bool:
        """Whether a site whose own H does not do passes among all sites."""
        whole = len(pooled) == rank(pooled)  # a direction of which all sites hold nothing is the site's own
        clear = whole and self.cells_clear and self.is_carried_by_many(weight)
        return clear and self._heaviest_under(pooled, weight, np.arange(len(weight))) is None

    def _heaviest_under(self, H: Matrix, weight: Vector, rows: Index) -> Heavy | None:
        """The unit above the limit among those of some rows, all of each unit's; infinite where H is no information."""
        root = inverse_root(H)
        if root is None:
            return Heavy(np.inf, int(np.argmax(weight)))
        if self.root is not None and self.root.shape[1] == root.shape[1]:
            lost = lost_to_rounding(H, self.root)
            rows = self._left_by(LowerBound.of(self.root.T @ H @ self.root, self.root, lost), weight, rows)
        if not len(rows):
            return None
        chosen = self.X[rows] if len(rows) < len(self.X) else self.X  # not copied where it is all of them
        unit = None if self.unit is None else self.unit[rows]
        shares = by_unit(weight[rows] * squares(chosen, root), unit)
        worst = int(np.argmax(shares))
        return Heavy(float(shares[worst]), _first(rows, unit, worst)) if shares[worst] > MOST else None


def _first(rows: Index, unit: Unit | None, which: int) -> int:
    """The first row of a unit."""
    return int(rows[which if unit is None else np.argmax(unit == which)])


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
