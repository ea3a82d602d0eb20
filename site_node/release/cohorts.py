"""Which rows an analysis may be made of, given those of the analyses before (G4).

Sums over two cohorts that differ by one unit give that unit away, and so does any linear combination of released cohorts that
is zero but for one or two units. The cohorts cut the units into atoms: classes of those that are in the very same cohorts. A
combination is constant on each atom, so where it is not zero it covers whole atoms. If no atom has 1 or 2 units, no combination
of however many cohorts is supported on 1 or 2 units. That is conservative: a small atom need not be within reach of any
combination, as when two cohorts overlap in one unit, and is refused all the same; and it is cheap, which the exact question (a
sparsest vector in a subspace) is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.errors import RefusedError
from site_node.data.units import Ids

RULE = "G4"
MIN_UNITS = 3
Bits: TypeAlias = NDArray[np.uint8]
"""A bit for each of the units, eight a byte; none for those that were released later."""


@dataclass(frozen=True)
class Released:
    """The cohorts that something was released of."""

    units: Ids
    """All of their units, in the order of their first release, (m,)."""
    cohorts: tuple[Bits, ...] = ()

    @classmethod
    def nothing(cls) -> "Released":
        """Before the first analysis."""
        return cls(np.empty(0, dtype=np.uint64))

    def atoms(self) -> NDArray[np.intp]:
        """A label for each unit, (m,), equal for those that are in the very same cohorts; 0 to the number of atoms."""
        labels = np.zeros(len(self.units), dtype=np.intp)
        for bits in self.cohorts:
            _, labels = np.unique(2 * labels + _members(bits, len(labels)), return_inverse=True)
        return labels


def released_with(released: Released, cohorts: Sequence[Ids]) -> Released:
    """What is released once these cohorts are as well; the same object if they were before.

    Raises:
        RefusedError: there would be an atom of fewer than MIN_UNITS units.
    """
    for cohort in cohorts:
        released = _with(released, cohort)
    return released


def _with(released: Released, cohort: Ids) -> Released:
    known = np.isin(released.units, cohort)
    new = np.setdiff1d(cohort, released.units)
    if not len(new) and any(np.array_equal(_members(bits, len(known)), known) for bits in released.cohorts):
        return released
    atoms = released.atoms()
    inside, sizes = np.bincount(atoms[known], minlength=atoms.max(initial=-1) + 1), np.bincount(atoms)
    parts = np.concatenate((inside, sizes - inside, [len(new)]))
    if ((parts > 0) & (parts < MIN_UNITS)).any():
        raise RefusedError(
            "the rows of this analysis and those of analyses before differ by too few.",
            rule=RULE,
            where="the site's policy",
            remedy="Use the variables of an analysis before, or others that are filled in for the same rows; or leave this site "
            "out of the roster.",
            code="small_difference",
        )
    bits = np.packbits(np.concatenate((known, np.ones(len(new), dtype=bool))))
    return Released(np.concatenate((released.units, new)), (*released.cohorts, bits))


def _members(bits: Bits, units: int) -> NDArray[np.bool_]:
    members = np.zeros(units, dtype=bool)
    told = np.unpackbits(bits)[:units]
    members[: len(told)] = told
    return members
