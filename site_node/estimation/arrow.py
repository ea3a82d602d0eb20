"""H, the Hessian of g in the modes' coordinates, eliminated by outer group (docs/model.md, Two grouping factors).

H of an outer group is an arrow: its own block A, a block C_i of each group i in it, and B_i between the two. In the basis
of W_i = [[I, 0], [-F_i, I]] with F_i = C_i^-1 B_i' it is blockdiag(S, C_1, C_2, ...).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from site_node.estimation.nesting import Nesting
from site_node.estimation.sums import Array


@dataclass(frozen=True)
class Arrow:
    """H of every outer group. With one grouping factor there is no S, and W is the identity."""

    nesting: Nesting
    blocks: tuple[Array, Array]
    """S of each outer group, (O, q_outer, q_outer), and C of each group, (G, q - q_outer, q - q_outer)."""
    W: Array
    """(G, q, q), or (1, q, q) where it is the identity."""
    inverse: Array
    """blockdiag(S^-1, C_i^-1) of each group i and its outer group, (G, q, q)."""
    definite: NDArray[np.bool_]
    """Whether H of each outer group is known to be positive definite, (O,); where g is concave it always is."""

    @classmethod
    def of(cls, minus_l2_aa: Array, nesting: Nesting, *, uphill: bool = False) -> "Arrow":
        """H = I - sum l2 a a', from the sums by group, (G, q, q).

        Args:
            minus_l2_aa: the sums, with their sign.
            nesting: of the groups.
            uphill: whether blocks that are not positive definite are replaced, so that H^-1 g_u points uphill.
        """
        q, q0 = minus_l2_aa.shape[1], nesting.q_outer
        C, definite = np.eye(q - q0) + minus_l2_aa[:, q0:, q0:], np.ones(len(minus_l2_aa), dtype=np.bool_)
        if uphill:
            C, definite = _uphill(C)
        C_inv = _inverse(C)
        if q0 == 0:
            return cls(nesting, (np.zeros((len(C), 0, 0)), C), np.eye(q)[None], C_inv, nesting.all_over(definite))
        B = minus_l2_aa[:, :q0, q0:]
        F = C_inv @ B.transpose(0, 2, 1)
        S = np.eye(q0) + nesting.over(minus_l2_aa[:, :q0, :q0] - B @ F)
        all_definite = nesting.all_over(definite)
        if uphill:
            S, outer_definite = _uphill(S)
            all_definite &= outer_definite
        inverse, W = np.zeros_like(minus_l2_aa), np.tile(np.eye(q), (len(F), 1, 1))
        inverse[:, :q0, :q0], inverse[:, q0:, q0:] = nesting.each(_inverse(S)), C_inv
        W[:, q0:, :q0] = -F
        return cls(nesting, (S, C), W, inverse, all_definite)

    @property
    def log_det(self) -> float:
        """Sum log det H = sum log det S + sum log det C."""
        return float(sum(np.sum(np.linalg.slogdet(block).logabsdet) for block in self.blocks))

    def solve(self, v: Array) -> Array:
        """H^-1 v for sums v by group, (G, q, k): what belongs to an outer group's effects is summed here."""
        eliminated = self.nesting.joined(self.W.transpose(0, 2, 1) @ v)
        return np.asarray(self.W @ (self.inverse @ eliminated))


def _inverse(H: Array) -> Array:
    """H^-1 of every group; all NaN where one is singular in floating point, which H = I + ... is nowhere in exact arithmetic."""
    try:
        return np.linalg.inv(H).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.full_like(H, np.nan)


def _uphill(H: Array) -> tuple[Array, NDArray[np.bool_]]:
    """H of each group, and whether it is positive definite; where not, with its eigenvalues' sizes, at least 1.

    So a step is Newton's where there is one, and as long as Newton's along any other direction but uphill.
    """
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        finite = np.asarray(np.isfinite(H).all(axis=(1, 2), keepdims=True))
        values, vectors = np.linalg.eigh(np.where(finite, H, np.eye(H.shape[1])))
        definite = np.asarray((values[:, 0] > 0.0) & finite[:, 0, 0])
        sizes = np.maximum(np.abs(values), 1.0)
        turned = (vectors * sizes[:, None, :]) @ vectors.transpose(0, 2, 1)
        return np.where(definite[:, None, None] | ~finite, H, turned), definite
    return H, np.ones(len(H), dtype=np.bool_)
