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

    @property
    def working_log_phi(self) -> float:
        """Lambda where the working model is the family's own: 0, or so large that a negative binomial is Poisson."""

    @property
    def canonical(self) -> bool:
        """Whether -l2 does not depend on the response: then it is the expected information too."""

    @property
    def limited(self) -> bool:
        """Whether eta can be outside the link's domain: there l is minus infinity and every derivative NaN."""

    def log_likelihood(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> Vector:
        """The log-likelihood l of each row, without its constant; best relative to the saturated model, where it rounds least."""

    def derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float, order: int) -> list[Vector]:
        """[l1, ..., l_order]: the derivatives of l in eta; order is 2 or 4."""

    def dispersion_derivatives(self, y: Vector, weight: Vector, eta: Vector, log_phi: float) -> DispersionDerivatives:
        """The dots. Only asked of a family with a dispersion."""

    def constant(self, y: Vector, weight: Vector) -> float:
        """The part of the log-likelihood that depends on y and weight alone, summed."""

    def initial_eta(self, y: Vector, weight: Vector) -> Vector:
        """A predictor of each row's own response, drawn inside the domain: from where a first fit can start."""

    def working(self, y: Vector, weight: Vector, eta: Vector) -> tuple[Vector, Vector]:
        """l1 and the expected -l2, which is never negative, at phi = 1 (negative binomial: as k tends to infinity)."""
