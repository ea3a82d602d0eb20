"""Sites without one of their defences: each is lifted by itself, so that what stops an attack is known to be that one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np

from shared.errors import JoinError
from shared.framing import framed
from shared.masking import session, vectors
from shared.masking.encoding import Fixed
from shared.masking.ephemeral import EphemeralKey
from shared.masking.merkle import Node, Path, recomputed_root
from shared.masking.messages import Proof
from shared.masking.pairwise import Context
from shared.messages import ContributionRequest, StartRequest
from shared.optimisation.state import State
from site_node import evaluation
from site_node.release import exchange, gate
from site_node.release.exchange import Exchange
from site_node.release.kept import Kind

_check, _keep, _secret_with = Exchange.check, Exchange._keep, EphemeralKey.secret_with


def _any_psi(self: Exchange, request: ContributionRequest) -> State | None:
    """The sum is verified still; psi is not held against it."""
    if isinstance(request, StartRequest):
        return _check(self, request)
    state = self.state_after(request.round - 1, request.proof)
    return replace(state, psi=np.array(request.psi))


def _announced(self: Proof, index: int, count: int, own: Fixed) -> Node:
    """The root as it was announced, and whatever sum the path leads to."""
    path = Path.from_bytes(self.path, len(own))
    return Node(bytes.fromhex(self.root), recomputed_root(path, index, count, own).sum_bytes)


def _any_key(self: EphemeralKey, public_hex: str, *, site: str) -> bytes:
    """What RFC 7748 computes of any 32 bytes."""
    try:
        return _secret_with(self, f"{public_hex[:-2]}{int(public_hex[-2:], 16) & 0x7F:02x}", site=site)
    except JoinError:
        return bytes(32)


def _kept_for_nothing(self: Exchange, kind: Kind, content: bytes, number: int = 0) -> bytes:
    kept = _keep(self, kind, content, number)
    return content if kind is Kind.ANSWER else kept


_DEFENCES: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "replay": ((Exchange, "check", _any_psi),),
    "proof": ((Proof, "verified", _announced),),
    "one answer a round": (
        (Exchange, "answered", lambda *_: None),
        (Exchange, "_keep", _kept_for_nothing),
        (evaluation, "check_round", lambda *_, **__: None),
        (gate, "check_round", lambda *_, **__: None),
    ),
    "same data": tuple((room, "check_unchanged", lambda *_: None) for room in (exchange, gate)),
    "one roster": ((gate, "check_roster", lambda *_: None),),
    "small differences": ((gate, "released_with", lambda before, _: before),),
    "masks of one context": ((Context, "written", property(lambda context: framed(context.session))),),
    "masks of one session": ((Context, "written", property(lambda context: framed(context.kind))),),
    "count of sites": (
        (vectors, "_counted", lambda vector, _: vector[1:]),
        (vectors, "_at_default", lambda _number, _sites: 0),
    ),
    "signatures": ((session, "_check_signature", lambda *_: None),),
    "agreement": ((session, "_check_agreement", lambda *_: None),),
    "keys": ((EphemeralKey, "secret_with", _any_key),),
}


@contextmanager
def lifted(*defences: str) -> Iterator[None]:
    """All sites of this process are without these."""
    with ExitStack() as stack:
        for defence in defences:
            for place, name, instead in _DEFENCES[defence]:
                stack.enter_context(mock.patch.object(place, name, instead))
        yield
