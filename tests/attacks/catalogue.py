"""Every attack there is."""

from tests.attacks import chosen_psi, cohorts, keys, members, restored, scanned, sums
from tests.attacks.registry import Attack

ATTACKS: tuple[Attack, ...] = tuple(
    found
    for module in (chosen_psi, restored, sums, keys, members, cohorts, scanned)
    for found in vars(module).values()
    if isinstance(found, Attack)
)
