"""What a family of responses must know: its log-likelihood per row and the derivatives of it (docs/model.md)."""

from dataclasses import dataclass
from typing import Protocol

from shared.parameters import Dispersion, Vector


@dataclass(frozen=True)
class DispersionDerivatives:
    """Derivatives in lambda = log phi at fixed eta, per row: one dot is `_d`, two are `_dd` (docs/model.md, Dispersion)."""

    l_d: Vector
    l1_d: Vector
    l2_d: Vector
    l3_d: Vector
    l_dd: Vector
    l1_dd: Vector
    l2_dd: Vector


class Family(Protocol):
    """One family with its link. All vectors are (n,); prior weights multiply everything."""

    @property
    def dispersion(self) -> Dispersion:
        """What phi is, if psi ends with log phi."""

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """The log-likelihood l of each row, without its constant; best relative to the saturated model, where it rounds least."""

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:
        """[l1, ..., l_order]: the derivatives of l in eta; order is 2 or 4."""

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """The dots. Only asked of a family with a dispersion."""

    def constant(self, y: Vector, weight: Vector) -> float:
        """The part of the log-likelihood that depends on y and weight alone, summed."""
