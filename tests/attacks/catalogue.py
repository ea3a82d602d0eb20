"""Every attack there is."""

from tests.attacks import chosen_psi
from tests.attacks.registry import Attack

ATTACKS: tuple[Attack, ...] = tuple(
    found for module in (chosen_psi,) for found in vars(module).values() if isinstance(found, Attack)
)
