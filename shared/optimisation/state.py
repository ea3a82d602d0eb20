"""What the optimiser knows between two rounds: everything that the next step depends on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from shared.contribution import Contribution
from shared.optimisation.bend import Bend
from shared.optimisation.explanation import at_boundary, flat_directions
from shared.optimisation.outcome import Outcome, OutcomeKind
from shared.optimisation.raising import Raising
from shared.optimisation.runaway import Runaway
from shared.optimisation.trial import Zeros
from shared.parameters import Matrix, ParameterLayout, Vector


@dataclass(frozen=True)
class Point:
    """An evaluated psi."""

    psi: Vector
    summed: Contribution
    metric: Vector
    """(P,) squared lengths of the trust region's axes: the largest curvature seen along each."""
    decrement: float | None
    """g'(-L'')^-1 g / 2 over the free parameters, where -L'' is positive definite."""
    smallest_pivot: float = 1.0
    """Of -L'' scaled to a unit diagonal, where it is positive definite."""


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on."""

    layout: ParameterLayout
    tolerance: float
    max_rounds: int
    round: int
    """Evaluations summed so far: 0 after the start."""
    psi: Vector
    """The trial to broadcast next; once there is an ending, the psi that it is about."""
    basis: Matrix
    """The basis of the random effects that psi refers to, (q, q)."""
    unit_weight: float = 1.0
    point: Point | None = None
    """The best evaluated psi; None until the first evaluation."""
    ending: OutcomeKind | None = None
    not_identified_by: Contribution | None = None
    """The start's sum, when it already shows that the columns are not identified."""
    radius: float = np.inf
    predicted: float = 0.0
    """The gain that the quadratic promises of the trial."""
    rests: int = 0
    """Rounds at rest: near the optimum and without progress."""
    outside: int = 0
    """Trials so far at which the log-likelihood was not finite."""
    zeros: Zeros = field(default_factory=Zeros)
    runaway: Runaway = field(default_factory=Runaway)
    bend: Bend | None = None
    """Of the last move, if the last round was one."""
    retreats: tuple[Vector, ...] = ()
    """Other psi to begin at, while no evaluation was finite."""
    last_value: float = np.nan
    """L at the psi that was evaluated last; the restricted likelihood where that is maximised."""
    last_accepted: bool = False
    """Whether that psi was taken."""
    raising: Raising | None = None
    """The path of the nodes of quadrature, where they are found out on the way."""
    fixed_points: int = 1
    """The nodes where they are not."""

    @property
    def decrement(self) -> float | None:
        """Newton's decrement at the best psi; None where the curvature is not positive definite."""
        return None if self.point is None else self.point.decrement

    @property
    def points(self) -> int:
        """The nodes of quadrature of the next evaluation; 1 is the Laplace approximation."""
        return self.raising.points if self.raising else self.fixed_points

    @property
    def accepted(self) -> Contribution | None:
        """The sum at the best psi."""
        return None if self.point is None else self.point.summed

    @property
    def log_likelihood(self) -> float | None:
        """L at the best psi."""
        return None if self.point is None else self.point.summed.value

    @cached_property
    def outcome(self) -> Outcome | None:
        """The ending with its advice, None while it goes on. Explained on demand: it is no part of the state."""
        if self.ending is None:
            return None
        names: tuple[str, ...] = ()
        summed = self.point.summed if self.point else self.not_identified_by
        if self.ending is OutcomeKind.SEPARATED:
            names = tuple(self.layout.names[j] for j in self.runaway.columns())
        elif self.ending is OutcomeKind.BOUNDARY and summed is not None:
            names = at_boundary(self.layout, self.psi, self.basis, summed)
        elif self.ending is OutcomeKind.NOT_IDENTIFIED and summed is not None:
            names = flat_directions(self.layout, summed)
        return Outcome(self.ending, names)
