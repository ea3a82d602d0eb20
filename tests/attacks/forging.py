"""Sums and paths that a coordinator makes up."""

import numpy as np

from shared.contribution import Contribution
from shared.masking.encoding import Fixed, add, encode, subtract, to_bytes
from shared.masking.merkle import Node, Path, Tree, recomputed_root
from shared.masking.messages import Proof
from shared.masking.vectors import contribution_vector
from shared.optimisation.step import step
from tests.attacks.malicious import Malicious


def forged_path(tree: Tree, index: int, wanted: Fixed) -> Path:
    """A site's true path but for the topmost sibling, whose sum makes the total what is wanted."""
    *below, top = tree.path(index).siblings
    return Path((*below, Node(top.hash, to_bytes(add(top.sum, subtract(wanted, tree.root.sum))))))


def announced(path: Path, root: bytes) -> Proof:
    """What is sent to a site."""
    return Proof(root=root.hex(), path=path.to_bytes())


def own_root(coordinator: Malicious, site: str, wanted: Fixed) -> Proof:
    """A proof that this site takes of any sum, by a root that fits no other site."""
    index, count = coordinator.roster.index(site), len(coordinator.roster)
    path = forged_path(coordinator.trees[-1], index, wanted)
    return announced(path, recomputed_root(path, index, count, coordinator.answers[-1][site]).hash)


def steering(coordinator: Malicious, psi: tuple[float, float]) -> Fixed:
    """A last sum of which the agreed step makes psi: minus the identity as the Hessian, the way there as the gradient."""
    way = np.subtract(psi, coordinator.states[-2].psi)
    vector = contribution_vector(Contribution(-1.0, way, -np.eye(len(way))), coordinator.specification.layout)
    vector[0] = len(coordinator.roster)
    return encode(vector, 1)


def steer(coordinator: Malicious, wanted: Fixed) -> None:
    """Goes on as if this were the last sum."""
    coordinator.states[-1] = step(coordinator.states[-2], coordinator.summed(wanted))
