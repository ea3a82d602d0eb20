"""What masked rounds add to the messages: masked numbers one way, a sum's proof the other."""

from base64 import b64decode, b64encode
from typing import Literal, Self

from pydantic import ConfigDict, Field

from shared.consortium import Hex32
from shared.errors import EncodingError, ProofError
from shared.masking.encoding import Fixed, from_bytes, to_bytes
from shared.masking.merkle import Node, Path, Tree, recomputed_root
from shared.wire import Wire

_BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
_REMEDY = "Answer no more rounds of this analysis, and ask whoever runs the coordinator what it added up."


class MaskedReply(Wire):
    """The answer to a round under the site's mask: without all the others it is noise."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "masked", "round": 2, "numbers": "AAAAAAAAAIAAAAAAAAAAAA=="}]}
    )

    kind: Literal["masked"] = "masked"
    round: int
    numbers: str = Field(pattern=_BASE64, description="16 bytes a number, little-endian, base64")

    @classmethod
    def of(cls, number: int, numbers: Fixed) -> Self:
        """The wire form of masked numbers, (n, 2)."""
        return cls(round=number, numbers=b64encode(to_bytes(numbers)).decode())

    @property
    def fixed(self) -> Fixed:
        """The masked numbers, (n, 2).

        Raises:
            EncodingError: they are no numbers.
        """
        return from_bytes(_decoded(self.numbers, EncodingError("its answer is no base64.")))


class Proof(Wire):
    """That a sum is that of every site's answer, for one of the sites: it finds the sum by adding along the path."""

    root: Hex32 = Field(description="SHA-256 of the tree's root, the same for every site")
    path: str = Field(pattern=_BASE64, description="hash and sum of each sibling from the site's own leaf up, base64")

    @classmethod
    def of(cls, tree: Tree, index: int) -> Self:
        """For the site at a place of the roster."""
        return cls(root=tree.root.hash.hex(), path=b64encode(tree.path(index).to_bytes()).decode())

    def verified(self, index: int, count: int, own: Fixed) -> Node:
        """The root, with the sum.

        Args:
            index: the site's place in the roster.
            count: sites in the roster.
            own: the site's answer as it stored it, (n, 2).

        Raises:
            ProofError: the path does not lead from the site's answer to the root.
        """
        path = Path.from_bytes(_decoded(self.path, ProofError("the path is no base64.", remedy=_REMEDY)), len(own))
        root = recomputed_root(path, index, count, own)
        if root.hash.hex() != self.root:
            raise ProofError("the announced sum does not follow from this site's answer.", remedy=_REMEDY)
        return root


def _decoded(text: str, fault: EncodingError | ProofError) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise fault from None
