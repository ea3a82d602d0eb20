"""What sites sign of a masked result that they replayed, so that anybody with the consortium file can check it."""

from typing import Self

import numpy as np
from pydantic import Field

from shared.consortium import Consortium, Hex32
from shared.framing import framed
from shared.masking.session import Join, session_of
from shared.optimisation.state import State
from shared.signing import Identity, verify
from shared.wire import Wire

_RESULT = "fedglmm result 1"


class Signed(Wire):
    """How a masked fit ended, in the sites' own words: the same psi by the same sums."""

    session: Hex32 = Field(description="of what all sites signed when they joined")
    root: Hex32 = Field(description="of the last sum")
    outcome: str
    psi: tuple[float, ...]
    basis: tuple[float, ...] = Field(description="of the random effects, row by row")

    @classmethod
    def of(cls, joins: tuple[Join, ...], root: bytes, state: State) -> Self:
        """The end of a fit after the round with this root."""
        return cls(
            session=session_of(joins).hex(),
            root=root.hex(),
            outcome=state.ending.value if state.ending else "",
            psi=tuple(state.psi.tolist()),
            basis=tuple(state.basis.ravel().tolist()),
        )

    def sign(self, identity: Identity) -> str:
        """A site's signature."""
        return identity.sign(_RESULT, self._framed).hex()

    def is_signed_by(self, site: str, consortium: Consortium, signature: str) -> bool:
        """Whether the site's key in the consortium file made the signature."""
        return verify(consortium.sites[site].public_key, _RESULT, self._framed, bytes.fromhex(signature))

    @property
    def _framed(self) -> bytes:
        numbers = (np.array(part, "<f8").tobytes() for part in (self.psi, self.basis))
        return framed(bytes.fromhex(self.session), bytes.fromhex(self.root), self.outcome, *numbers)
