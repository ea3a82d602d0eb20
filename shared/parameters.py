"""The only packing of (beta, theta, log phi) into one vector psi, and the names of its entries (docs/model.md, The model)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """The unpacked psi."""

    beta: Vector
    """Fixed effects, (p,)."""
    Lambda: Matrix
    """Lower-triangular factor of the random effects' covariance, (q, q): Cov(b) = Lambda Lambda'."""
    log_phi: float
    """Log dispersion (Gaussian: log of the residual standard deviation); 0 in a family without one."""


@dataclass(frozen=True)
class ParameterLayout:
    """Which entry of psi is what. An analysis without a random term has q = 0."""

    fixed: tuple[str, ...]
    """Names of the p fixed-effect columns."""
    random: tuple[str, ...] = ()
    """Names of the q random-effect columns."""
    correlated: bool = True
    """False for `||`: Lambda is diagonal."""
    known_sd: float | None = None
    """A scalar term's standard deviation when it is known: then psi has no theta."""
    dispersion: bool = False
    """Whether the last entry of psi is log phi."""

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return len(self.fixed)

    @property
    def q(self) -> int:
        """Number of random effects per group."""
        return len(self.random)

    @cached_property
    def theta_entries(self) -> tuple[tuple[int, int], ...]:
        """The (row, column) of Lambda that each entry of theta fills: the lower triangle by column, or the diagonal."""
        if self.known_sd is not None:
            return ()
        if not self.correlated:
            return tuple((a, a) for a in range(self.q))
        return tuple((a, b) for b in range(self.q) for a in range(b, self.q))

    @property
    def size(self) -> int:
        """P, the length of psi."""
        return self.p + len(self.theta_entries) + int(self.dispersion)

    @property
    def theta(self) -> slice:
        """Where theta lies in psi."""
        return slice(self.p, self.p + len(self.theta_entries))

    @property
    def theta_diagonal(self) -> tuple[int, ...]:
        """Positions in psi of the diagonal entries of Lambda."""
        return tuple(self.p + k for k, (a, b) in enumerate(self.theta_entries) if a == b)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every entry of psi."""
        theta = tuple(f"theta[{self.random[a]},{self.random[b]}]" for a, b in self.theta_entries)
        return self.fixed + theta + (("log_sigma",) if self.dispersion else ())

    def unpack(self, psi: Vector) -> Parameters:
        """Psi as beta, Lambda(theta) and log phi."""
        Lambda = np.zeros((self.q, self.q))
        if self.known_sd is not None:
            Lambda[0, 0] = self.known_sd
        for value, (a, b) in zip(psi[self.theta], self.theta_entries, strict=True):
            Lambda[a, b] = value
        return Parameters(psi[: self.p], Lambda, float(psi[-1]) if self.dispersion else 0.0)

    def pack(self, beta: Vector, Lambda: Matrix, log_phi: float = 0.0) -> Vector:
        """The inverse of `unpack`."""
        theta = [Lambda[a, b] for a, b in self.theta_entries]
        return np.concatenate([beta, theta, [log_phi] if self.dispersion else []]).astype(np.float64)
