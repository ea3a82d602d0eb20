"""Every attack there is."""

from tests.attacks import chosen_psi, cohorts, restored, scanned
from tests.attacks.registry import Attack

ATTACKS: tuple[Attack, ...] = tuple(
    found
    for module in (chosen_psi, restored, cohorts, scanned)
    for found in vars(module).values()
    if isinstance(found, Attack)
)
