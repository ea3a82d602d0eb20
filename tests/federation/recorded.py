"""A masked fit as it was recorded, read with what docs/masking.md says and with nothing of the project but its step."""

import hmac
import sqlite3
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.contribution import Contribution, symmetric
from shared.optimisation.start import StartContribution, grid
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.specification import Specification
from tests.federation.real_sites import Heard

Node: TypeAlias = tuple[bytes, list[int]]
WRAP = 2**128


class Spied(Heard):
    """A site whose secret key is read while it has one."""

    secret = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if request.url.path.endswith("prepare"):
            assert self.settings.identity_file is not None
            with closing(sqlite3.connect(self.settings.identity_file.with_name("masked.db"))) as kept:
                (self.secret,) = kept.execute("SELECT content FROM kept WHERE kind = 'key'").fetchone()
        return response

    def asked(self, path: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Questions and answers."""
        return [(question, answer) for part, question, answer in self.messages if part == path]


@dataclass(frozen=True)
class Recorded:
    """A fit as it was heard."""

    folder: Path
    sites: dict[str, Spied]
    specification: Specification
    result: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The roster."""
        return list(self.specification.roster)

    @property
    def joins(self) -> list[dict[str, Any]]:
        """In roster order."""
        return [self.sites[name].asked("prepare")[0][1]["join"] for name in self.names]

    @property
    def session(self) -> bytes:
        """Of all joins."""
        return sha256(framed("fedglmm session 1", *map(signed, self.joins))).digest()

    def sent(self, number: int) -> list[list[int]]:
        """The masked numbers of a round, of each site."""
        return [
            integers(b64decode(self.sites[name].asked("contributions")[number][1]["numbers"])) for name in self.names
        ]

    def root(self, number: int) -> bytes:
        """That of a round, by its numbers."""
        level = [leaf(place, y) for place, y in enumerate(self.sent(number))]
        while len(level) > 1:
            pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
            level = [parent(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        return root_over(level[0], len(self.names))

    def sum(self, number: int) -> np.ndarray:
        """Of a round, decoded."""
        totals = [sum(column) % WRAP for column in zip(*self.sent(number), strict=True)]
        return np.array([(total - (total >> 127) * WRAP) / 2**64 for total in totals])

    def context(self, number: int, state: State | None = None) -> bytes:
        """Of a round, and of the state after the round before it."""
        told = b""
        if state is not None:
            numbers = (floats(state.psi.tolist()), floats(state.basis.ravel().tolist()))
            told = sha256(framed("fedglmm state 1", str(number - 1), str(state.points), *numbers)).digest()
        kind, last = ("evaluate", self.root(number - 1)) if number else ("start", b"")
        return framed("fedglmm context 1", self.session, kind, str(number), last, told)

    def states(self) -> Iterator[State]:
        """After the start and after each round, by the step from the sums."""
        layout, told = self.specification.layout, self.specification
        P, p = layout.size, layout.p
        numbers = iter(self.sum(0)[4 + len(told.groupings) :].tolist())
        quadratics = []
        for _ in grid(layout):
            value, gradient, hessian = next(numbers), np.zeros(P), np.zeros((P, P))
            gradient[:p] = [next(numbers) for _ in range(p)]
            hessian[:p, :p] = symmetric(np.array([next(numbers) for _ in range(p * (p + 1) // 2)]), p)
            if layout.dispersion:
                gradient[-1], hessian[-1, -1] = next(numbers), next(numbers)
            quadratics.append(Contribution(value, gradient, hessian))
        start = StartContribution(tuple(quadratics), np.array(list(numbers)))
        yield (state := begin(layout, start, tolerance=told.tolerance, max_rounds=told.max_rounds))
        for number in range(1, len(self.sites["S0"].asked("contributions"))):
            _, outside, value, *rest = self.sum(number).tolist()
            assert outside == 0.0
            gradient, triangle, stack = np.split(np.array(rest), [P, P + P * (P + 1) // 2])
            matrices = [symmetric(one, p) for one in stack.reshape(-1, p * (p + 1) // 2)]
            information = np.array(matrices) if told.reml else None
            yield (state := step(state, Contribution(value, gradient, symmetric(triangle, P), information)))


def framed(*parts: bytes | str) -> bytes:
    each = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(8, "little") + part for part in each)


def floats(numbers: Sequence[float]) -> bytes:
    return np.array(numbers, "<f8").tobytes()


def integers(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 16], "little") for at in range(0, len(raw), 16)]


def written(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(16, "little") for number in numbers)


def signed(join: dict[str, Any]) -> bytes:
    """What a site's signature of its join is over."""
    hashes = [join["consortium_sha256"], join["analysis"], join["specification_sha256"], framed(*join["roster"])]
    own = [join["site"], join["fingerprint"], join["expires"], join["public_key"]]
    return framed(str(join["protocol_version"]), *hashes, *own)


def leaf(place: int, y: list[int]) -> Node:
    return sha256(b"\0" + place.to_bytes(8, "little") + written(y)).digest(), y


def parent(left: Node, right: Node) -> Node:
    hashed = sha256(b"\1" + left[0] + right[0] + written(left[1]) + written(right[1])).digest()
    return hashed, [(a + b) % WRAP for a, b in zip(left[1], right[1], strict=True)]


def root_over(top: Node, count: int) -> bytes:
    return sha256(b"\2" + count.to_bytes(8, "little") + top[0] + written(top[1])).digest()


def climbed(node: Node, place: int, count: int, path: bytes) -> bytes:
    """The root that a path leads to."""
    size = 32 + 16 * len(node[1])
    siblings = [(path[at : at + 32], integers(path[at + 32 : at + size])) for at in range(0, len(path), size)]
    above = count
    while above > 1:
        if place ^ 1 < above:
            sibling = siblings.pop(0)
            node = parent(sibling, node) if place & 1 else parent(node, sibling)
        place, above = place // 2, (above + 1) // 2
    assert not siblings
    return root_over(node, count)


def mask(fit: Recorded, place: int, context: bytes, length: int) -> list[int]:
    """Of the site at a place."""
    total = [0] * length
    for other in range(len(fit.names)):
        if other != place:
            total = [
                number + one for number, one in zip(total, stream(fit, place, other, context, length), strict=True)
            ]
    return total


def stream(fit: Recorded, place: int, other: int, context: bytes, length: int) -> list[int]:
    """What the site at a place adds to its numbers for another one: of its secret key and the other's public one."""
    own = X25519PrivateKey.from_private_bytes(fit.sites[fit.names[place]].secret)
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(fit.joins[other]["public_key"]))
    first, second = sorted((place, other))
    info = framed("fedglmm pair 2", fit.names[first], fit.names[second])
    keys = HKDFExpand(SHA256(), 64, info).derive(own.exchange(public))
    block = hmac.digest(keys[32:], context, "sha256")[:16]
    keystream = Cipher(AES(keys[:32]), CTR(block)).encryptor().update(bytes(16 * length))
    return [one if place < other else -one for one in integers(keystream)]
