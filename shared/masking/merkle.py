"""Merkle-sum tree: a proof that the announced sum is the sum of all answers, each site's own among them.

    leaf = H(0, index, y)    node = H(1, left hash, right hash, left sum, right sum)    root = H(2, count, top hash, top sum)

H is SHA-256, numbers are eight bytes and sums as `encoding.to_bytes` has them, all little-endian; an odd node at the end of a
level is promoted. Every honest site recomputes the root from its own stored answer and its path. All that agree on the root
agree on every node (H has no collisions), each node's sum is that of its children, and a site's leaf is its answer: where
every site checks, the sum is that of all answers, to the bit.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.errors import ProofError
from shared.masking import encoding
from shared.masking.encoding import Fixed

_HASH = 32
_LEAF, _NODE, _ROOT = b"\0", b"\1", b"\2"
_NUMBER = struct.Struct("<Q")
_REMEDY = "Answer no more rounds of this analysis, and ask whoever runs the coordinator what it added up."


@dataclass(frozen=True)
class Node:
    """A hash, and the sum of everything below it in bytes. Equal if both are, to the bit."""

    hash: bytes
    sum_bytes: bytes

    @property
    def sum(self) -> Fixed:
        """Of everything below, (n, 2)."""
        return encoding.from_bytes(self.sum_bytes)

    def to_bytes(self) -> bytes:
        """The hash, then the sum: 32 + 16 n bytes."""
        return self.hash + self.sum_bytes

    @classmethod
    def from_bytes(cls, written: bytes, length: int) -> "Node":
        """The node, whose sum has `length` entries, that `to_bytes` wrote.

        Raises:
            ProofError: the bytes are too few or too many.
        """
        expected = _HASH + encoding.BYTES * length
        if len(written) != expected:
            raise ProofError(f"a node has {len(written)} bytes instead of {expected}.", remedy="Send the whole of it.")
        return cls(written[:_HASH], written[_HASH:])


@dataclass(frozen=True)
class Path:
    """The siblings of all nodes from a leaf up to the top, lowest first. A promoted node has none."""

    siblings: tuple[Node, ...]

    def to_bytes(self) -> bytes:
        """The siblings, one behind the other."""
        return b"".join(node.to_bytes() for node in self.siblings)

    @classmethod
    def from_bytes(cls, written: bytes, length: int) -> "Path":
        """The path, whose sums have `length` entries, that `to_bytes` wrote.

        Raises:
            ProofError: the bytes are no whole number of nodes.
        """
        size = _HASH + encoding.BYTES * length
        return cls(tuple(Node.from_bytes(written[at : at + size], length) for at in range(0, len(written), size)))


@dataclass(frozen=True)
class Tree:
    """All levels, the leaves first, the top last."""

    levels: tuple[tuple[Node, ...], ...]

    @classmethod
    def of(cls, answers: Sequence[Fixed]) -> "Tree":
        """The tree over all sites' answers, in roster order, each (n, 2).

        Raises:
            ProofError: there are none, or they differ in length.
        """
        if len({answer.shape for answer in answers}) != 1:
            raise ProofError(
                "only answers of one length have a sum.", remedy="Let every site answer for the same model."
            )
        levels = [tuple(_leaf(index, answer) for index, answer in enumerate(answers))]
        while len(levels[-1]) > 1:
            levels.append(tuple(_level_above(levels[-1])))
        return cls(tuple(levels))

    @property
    def root(self) -> Node:
        """What is announced: the root's hash and the sum of all answers."""
        return _root(self.levels[-1][0], len(self.levels[0]))

    def path(self, index: int) -> Path:
        """What proves the root to the site at `index`."""
        turns = _turns(index, len(self.levels[0]))
        return Path(tuple(self.levels[turn.level][turn.sibling] for turn in turns))


def recomputed_root(path: Path, index: int, count: int, own: Fixed) -> Node:
    """The root that a path leads to from a site's own answer.

    Args:
        path: what the site was sent.
        index: the site's place in the roster.
        count: how many sites the roster has.
        own: the answer as the site stored it, (n, 2).

    Raises:
        ProofError: the path does not fit the place, the roster or the answer.
    """
    turns = _turns(index, count) if 0 <= index < count else ()
    sizes = {len(sibling.sum_bytes) for sibling in path.siblings} - {encoding.BYTES * len(own)}
    if not 0 <= index < count or len(turns) != len(path.siblings) or sizes:
        raise ProofError("the path does not fit the site's place in the roster or its answer.", remedy=_REMEDY)
    node = _leaf(index, own)
    for turn, sibling in zip(turns, path.siblings, strict=True):
        node = _parent(sibling, node) if turn.from_left else _parent(node, sibling)
    return _root(node, count)


def verify(path: Path, index: int, count: int, own: Fixed, announced: Node) -> None:
    """Lets an announced root and sum pass; the arguments are those of `recomputed_root`.

    Raises:
        ProofError: they are not what the site's own answer and the path lead to.
    """
    if recomputed_root(path, index, count, own) != announced:
        raise ProofError("the announced sum does not follow from this site's answer.", remedy=_REMEDY)


@dataclass(frozen=True)
class _Turn:
    """A step upwards: the sibling's place, and whether it stands to the left."""

    level: int
    sibling: int
    from_left: bool


def _turns(index: int, count: int) -> tuple[_Turn, ...]:
    turns = []
    level = 0
    while count > 1:
        if index ^ 1 < count:
            turns.append(_Turn(level, index ^ 1, bool(index & 1)))
        level, index, count = level + 1, index // 2, (count + 1) // 2
    return tuple(turns)


def _level_above(nodes: Sequence[Node]) -> Iterator[Node]:
    for at in range(0, len(nodes), 2):
        pair = nodes[at : at + 2]
        yield _parent(*pair) if len(pair) > 1 else pair[0]


def _leaf(index: int, answer: Fixed) -> Node:
    written = encoding.to_bytes(answer)
    return Node(_hash(_LEAF, _NUMBER.pack(index), written), written)


def _parent(left: Node, right: Node) -> Node:
    added = encoding.add(left.sum, right.sum)
    return Node(_hash(_NODE, left.hash, right.hash, left.sum_bytes, right.sum_bytes), encoding.to_bytes(added))


def _root(top: Node, count: int) -> Node:
    """The shape depends on the count, and a path of one shape may fit another: so the root is bound to it."""
    return Node(_hash(_ROOT, _NUMBER.pack(count), top.hash, top.sum_bytes), top.sum_bytes)


def _hash(*parts: bytes) -> bytes:
    """Of parts whose lengths follow from the first and from the number of entries."""
    return hashlib.sha256(b"".join(parts)).digest()
