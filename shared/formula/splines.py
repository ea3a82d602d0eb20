"""The constants of a spline basis: all that a site needs beside its own rows, and the same numbers at every site."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

MOST_DEGREE = 5
"""Of a polynomial, and of the pieces of a B-spline."""
MOST_KNOTS = 50
"""Inner knots of a spline."""
CUBIC = 3

Basis: TypeAlias = Literal["bs", "ns"]


@dataclass(frozen=True)
class Spline:
    """R's `splines::bs` or `splines::ns` with all of its arguments: B-splines, or natural cubic splines.

    Raises:
        ValueError: the knots do not increase from the lower boundary to the upper one, or a natural spline is not cubic.
    """

    basis: Basis
    degree: Annotated[int, Field(ge=1, le=MOST_DEGREE)]
    knots: Annotated[tuple[float, ...], Field(max_length=MOST_KNOTS)]
    """The inner knots."""
    boundary: tuple[float, float]
    intercept: bool = False

    def __post_init__(self) -> None:
        if not rising((self.boundary[0], *self.knots, self.boundary[1])):
            raise ValueError("the knots of a spline increase, from one boundary to the other")
        if self.basis == "ns" and self.degree != CUBIC:
            raise ValueError("a natural spline is cubic")

    @property
    def columns(self) -> int:
        """Columns of the basis, `df` in R."""
        return len(self.knots) + fewest_columns(self.basis, self.degree, intercept=self.intercept)


def fewest_columns(basis: Basis, degree: int, *, intercept: bool) -> int:
    """Columns of a basis without inner knots. Two conditions, linear at either end, take two from a natural spline."""
    return (degree if basis == "bs" else degree - 2) + int(intercept)


def evenly_spaced(boundary: tuple[float, float], inner: int) -> tuple[float, ...]:
    """So many inner knots at equal distances between the boundary knots."""
    low, high = boundary
    return tuple(low + (high - low) * k / (inner + 1) for k in range(1, inner + 1))


def rising(numbers: tuple[float, ...]) -> bool:
    """Whether every number is larger than the one before it."""
    return all(one < other for one, other in pairwise(numbers))
