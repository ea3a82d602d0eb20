from dataclasses import dataclass
from shared.contribution import Contribution
from shared.parameters import Vector

@dataclass(frozen=True)
class StartContribution:
    quadratics: tuple[Contribution, ...]
    squares: Vector
