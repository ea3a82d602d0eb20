"""The only packing of (beta, theta, log phi) into one vector psi, and the names of its entries (docs/model.md, The model)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Stack = NDArray[np.float64]
"""Several matrices of one shape."""

Indices = NDArray[np.intp]
"""Places in a vector."""

Dispersion = Literal["", "sigma", "shape", "size"]
"""What phi is, in a family that has one: a residual standard deviation, a shape, or the size of a negative binomial."""


@dataclass(frozen=True)
class Parameters:
    """The unpacked psi."""

    beta: Vector
    """Fixed effects, (p,)."""
    Lambda: Matrix
    """Lower-triangular factor of the random effects' covariance, (q, q): Cov(b) = Lambda Lambda'. A block a term."""
    log_phi: float
    """Log dispersion (Gaussian: log of the residual standard deviation); 0 in a family without one."""


@dataclass(frozen=True)
class Term:
    """The random effects of one term, which covary with each other and with no others."""

    columns: tuple[str, ...]
    """Names of the columns of Z, one an effect."""
    correlated: bool = True
    """False for `||`: the block of Lambda is diagonal."""
    known_sd: float | None = None
    """The standard deviation of the model's only random effect when it is known: then psi has no theta."""
    group: str = ""
    """Name of the grouping factor."""

    @property
    def size(self) -> int:
        """Number of its effects."""
        return len(self.columns)

    @property
    def entries(self) -> tuple[tuple[int, int], ...]:
        """The (row, column) within its block that each entry of theta fills: the lower triangle by column, or the diagonal."""
        if self.known_sd is not None:
            return ()
        if not self.correlated:
            return tuple((a, a) for a in range(self.size))
        return tuple((a, b) for b in range(self.size) for a in range(b, self.size))


@dataclass(frozen=True)
class ParameterLayout:
    """Which entry of psi is what. An analysis without a random term has q = 0."""

    fixed: tuple[str, ...]
    """Names of the p fixed-effect columns."""
    terms: tuple[Term, ...] = ()
    """The random terms. Of two grouping factors, those of the one whose groups hold the other's come first."""
    dispersion: Dispersion = ""
    """What the last entry of psi is the log of, if anything."""
    restricted: bool = False
    """Whether the likelihood is the restricted one (REML)."""

    @classmethod
    def of_one_term(
        cls,
        fixed: tuple[str, ...],
        columns: tuple[str, ...] = (),
        *,
        correlated: bool = True,
        known_sd: float | None = None,
        dispersion: Dispersion = "",
    ) -> "ParameterLayout":
        """With a single random term, or with none if it has no columns."""
        return cls(fixed, (Term(columns, correlated, known_sd),) if columns else (), dispersion)

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return len(self.fixed)

    @cached_property
    def q(self) -> int:
        """Number of random effects that bear on one row."""
        return sum(term.size for term in self.terms)

    @cached_property
    def q_outer(self) -> int:
        """How many of them are of the outer of two grouping factors; 0 when there is one, or none."""
        groups = dict.fromkeys(term.group for term in self.terms)
        outer = next(iter(groups), "")
        return sum(term.size for term in self.terms if term.group == outer) if len(groups) > 1 else 0

    @cached_property
    def random(self) -> tuple[str, ...]:
        """The column of each random effect, by name."""
        return tuple(column for term in self.terms for column in term.columns)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of Z: two terms may share some."""
        return tuple(dict.fromkeys(self.random))

    @cached_property
    def blocks(self) -> tuple[tuple[Term, slice], ...]:
        """Each term with its place among the q effects."""
        ends = np.cumsum([term.size for term in self.terms]).tolist()
        return tuple((term, slice(end - term.size, end)) for term, end in zip(self.terms, ends, strict=True))

    @property
    def known_sd(self) -> float | None:
        """The standard deviation that is known, if one is."""
        return next((term.known_sd for term in self.terms if term.known_sd is not None), None)

    @cached_property
    def theta_entries(self) -> tuple[tuple[int, int], ...]:
        """The (row, column) of Lambda that each entry of theta fills, term by term."""
        return tuple((block.start + a, block.start + b) for term, block in self.blocks for a, b in term.entries)

    @property
    def size(self) -> int:
        """P, the length of psi."""
        return self.p + len(self.theta_entries) + int(bool(self.dispersion))

    @property
    def information_size(self) -> int:
        """How many first and second derivatives in theta the information of a restricted likelihood has."""
        t = len(self.theta_entries)
        return t + t * (t + 1) // 2

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
        of = [f"{term.group}: " if self.q_outer else "" for term in self.terms for _ in term.columns]
        theta = tuple(f"theta[{of[a]}{self.random[a]},{self.random[b]}]" for a, b in self.theta_entries)
        return self.fixed + theta + ((f"log_{self.dispersion}",) if self.dispersion else ())

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
