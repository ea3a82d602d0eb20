"""Which rows an analysis may be made of, given those of the analyses before (G4).

Sums over two cohorts that differ by the rows of one privacy unit give that unit away, and so does any linear combination of
released cohorts that is zero but for rows of one or two units. The cohorts cut the rows into atoms: classes of those that are in
the very same cohorts. A combination is constant on each atom, so where it is not zero it covers whole atoms. If each atom has
rows of 3 units, no combination of however many cohorts is supported on rows of 1 or 2 units. That is conservative: a small atom
need not be within reach of any combination, as when two cohorts overlap in one row, and is refused all the same; and it is
cheap, which the exact question (a sparsest vector in a subspace) is not. Rows and not units are in cohorts, since a unit may be
in one with all of its rows and in another with some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.errors import RefusedError
from site_node.data.units import Ids, Known

RULE = "G4"
MIN_UNITS = 3
Bits: TypeAlias = NDArray[np.uint8]
"""A bit for each of the rows, eight a byte; none for those that were released later."""


@dataclass(frozen=True)
class Released:
    """The cohorts that something was released of."""

    rows: Ids
    """All of their rows, in the order of their first release, (m,)."""
    units: Ids
    """Whom each is about, (m,)."""
    cohorts: tuple[Bits, ...] = ()

    @classmethod
    def nothing(cls) -> "Released":
        """Before the first analysis."""
        return cls(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64))

    def atoms(self) -> NDArray[np.intp]:
        """A label for each row, (m,), equal for those that are in the very same cohorts; 0 to the number of atoms."""
        labels = np.zeros(len(self.rows), dtype=np.intp)
        for bits in self.cohorts:
            _, labels = np.unique(2 * labels + _members(bits, len(labels)), return_inverse=True)
        return labels


def released_with(released: Released, cohorts: Sequence[Known]) -> Released:
    """What is released once these cohorts are as well; the same object if they were before.

    Raises:
        RefusedError: there would be an atom of rows of fewer than MIN_UNITS units.
    """
    for cohort in cohorts:
        released = _with(released, cohort)
    return released


def _with(released: Released, cohort: Known) -> Released:
    known = np.isin(released.rows, cohort.rows)
    fresh = np.flatnonzero(~np.isin(cohort.rows, released.rows))
    new = cohort.among(fresh[np.argsort(cohort.rows[fresh])])  # an order that tells nothing of the file's
    if not len(new.rows) and any(np.array_equal(_members(bits, len(known)), known) for bits in released.cohorts):
        return released
    atoms = 2 * released.atoms() + known
    units = np.concatenate((released.units, new.units))
    atoms = np.concatenate((atoms, np.full(len(new.rows), atoms.max(initial=-1) + 1)))
    if (_units_in(atoms, units) < MIN_UNITS).any():
        raise RefusedError(
            "the rows of this analysis and those of analyses before differ by too few.",
            rule=RULE,
            where="the site's policy",
            remedy="Use the variables of an analysis before, or others that are filled in for the same rows; or leave this site "
            "out of the roster.",
            code="small_difference",
        )
    bits = np.packbits(np.concatenate((known, np.ones(len(new.rows), dtype=bool))))
    return Released(np.concatenate((released.rows, new.rows)), units, (*released.cohorts, bits))


def _units_in(atoms: NDArray[np.intp], units: Ids) -> NDArray[np.intp]:
    """How many different units the rows of each atom are of."""
    order = np.lexsort((units, atoms))
    atoms, units = atoms[order], units[order]
    first = np.concatenate(([True], (atoms[1:] != atoms[:-1]) | (units[1:] != units[:-1])))[: len(units)]
    return np.unique(atoms[first], return_counts=True)[1]


def _members(bits: Bits, rows: int) -> NDArray[np.bool_]:
    members = np.zeros(rows, dtype=bool)
    told = np.unpackbits(bits)[:rows]
    members[: len(told)] = told
    return members
