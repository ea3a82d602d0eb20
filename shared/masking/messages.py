"""What masked rounds add to the messages: masked numbers one way, a sum's proof the other."""

from base64 import b64encode
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError, WithJsonSchema

from shared.consortium import Hex32
from shared.errors import ProofError
from shared.masking.encoding import Fixed, from_bytes, to_bytes
from shared.masking.merkle import Node, Path, Tree, recomputed_root
from shared.wire import Wire

_DECODER = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))
"""Pydantic's own takes a third of the time of Python's, and a site among 200 reads 240 KB a round."""
_LENIENT = ("-", "_")
"""What it takes beside the alphabet: URLs' letters. It would do without padding, too."""
_NO_BASE64 = "this is not base64 (A-Z, a-z, 0-9, + and /, padded with = to a multiple of four)"


def _decoded(written: object) -> object:
    """The bytes of a text in base64; another text is a `ValueError`, and what is no text is left to pydantic."""
    if not isinstance(written, str):
        return written
    if len(written) % 4 or any(letter in written for letter in _LENIENT):
        raise ValueError(_NO_BASE64)
    try:
        return _DECODER.validate_python(written)
    except ValidationError:  # which quotes what it read
        raise ValueError(_NO_BASE64) from None


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()


Base64: TypeAlias = Annotated[
    bytes,
    BeforeValidator(_decoded),
    PlainSerializer(_encoded),
    WithJsonSchema(
        {  # bits that pad the last character are zero
            "type": "string",
            "pattern": r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
        }
    ),
]
"""Bytes that cross the wire in base64: decoded once, when a message is read."""
_REMEDY = "Answer no more rounds of this analysis, and ask whoever runs the coordinator what it added up."


class MaskedReply(Wire):
    """The answer to a round under the site's mask: without all the others it is noise."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "masked", "round": 2, "numbers": "AAAAAAAAAIAAAAAAAAAAAA=="}]}
    )

    kind: Literal["masked"] = "masked"
    round: int
    numbers: Base64 = Field(description="16 bytes a number, little-endian, base64")

    @classmethod
    def of(cls, number: int, numbers: Fixed) -> Self:
        """The wire form of masked numbers, (n, 2)."""
        return cls(round=number, numbers=to_bytes(numbers))

    @property
    def fixed(self) -> Fixed:
        """The masked numbers, (n, 2).

        Raises:
            EncodingError: they are no numbers.
        """
        return from_bytes(self.numbers)


class Proof(Wire):
    """That a sum is that of every site's answer, for one of the sites: it finds the sum by adding along the path."""

    root: Hex32 = Field(description="SHA-256 of the tree's root, the same for every site")
    path: Base64 = Field(description="hash and sum of each sibling from the site's own leaf up, base64")

    @classmethod
    def of(cls, tree: Tree, index: int) -> Self:
        """For the site at a place of the roster."""
        return cls(root=tree.root.hash.hex(), path=tree.path(index).to_bytes())

    def verified(self, index: int, count: int, own: Fixed) -> Node:
        """The root, with the sum.

        Args:
            index: the site's place in the roster.
            count: sites in the roster.
            own: the site's answer as it stored it, (n, 2).

        Raises:
            ProofError: the path does not lead from the site's answer to the root.
        """
        root = recomputed_root(Path.from_bytes(self.path, len(own)), index, count, own)
        if root.hash.hex() != self.root:
            raise ProofError("the announced sum does not follow from this site's answer.", remedy=_REMEDY)
        return root
