"""Every attack there is."""

from tests.attacks import (
    chosen_psi,
    cohorts,
    columns,
    keys,
    lattice,
    members,
    replies,
    restored,
    scanned,
    steering,
    sums,
)
from tests.attacks.registry import Attack

ATTACKS: tuple[Attack, ...] = tuple(
    found
    for module in (chosen_psi, replies, restored, sums, keys, members, columns, cohorts, scanned, steering, lattice)
    for found in vars(module).values()
    if isinstance(found, Attack)
)
