"""A round's answer as bytes, for many parameters: the numbers of an EvaluateReply, in its order, and nothing else.

`fedglmm`, a byte that numbers the form, the round and P as 32-bit integers, then float64 numbers: the value, the gradient, the
lower triangle row by row. Everything is little-endian. JSON is what a site answers unless it is asked for this by name.
"""

import struct

import numpy as np

from shared.contribution import Contribution
from shared.errors import ContributionError
from shared.messages import ContributionMessage, EvaluateReply, received

MEDIA_TYPE = "application/vnd.fedglmm.contribution"
SMALLEST = 100
"""P from which the coordinator asks for it."""
_SIGNATURE = b"fedglmm\x01"
_HEADER = struct.Struct("<8sII")
_NUMBERS = np.dtype("<f8")


def accepted(accept: str) -> bool:
    """Whether an Accept header asks for it by its bare name."""
    return MEDIA_TYPE in (part.strip() for part in accept.split(","))


def pack(reply: EvaluateReply) -> bytes:
    """The bytes of a reply."""
    sent = reply.contribution
    numbers = np.array((sent.value, *sent.gradient, *sent.hessian), _NUMBERS)
    return _HEADER.pack(_SIGNATURE, reply.round, len(sent.gradient)) + numbers.tobytes()


def unpack(answer: bytes) -> tuple[int, Contribution]:
    """The round that was answered, and the contribution to it.

    Raises:
        ContributionError: the bytes are no reply, too few or too many, or hold a number that no contribution may hold.
    """
    if len(answer) < _HEADER.size or not answer.startswith(_SIGNATURE):
        raise ContributionError("its answer is no packed contribution.")
    _, number, size = _HEADER.unpack_from(answer)
    expected = _HEADER.size + _NUMBERS.itemsize * (1 + size + size * (size + 1) // 2)
    if len(answer) != expected:
        raise ContributionError(f"its packed contribution has {len(answer)} bytes instead of {expected}.")
    numbers = np.frombuffer(answer, _NUMBERS, offset=_HEADER.size).astype(np.float64)
    return number, received(float(numbers[0]), numbers[1 : 1 + size], numbers[1 + size :])


EXAMPLE = pack(EvaluateReply(round=1, contribution=ContributionMessage(value=-27.5, gradient=(2.0,), hessian=(-4.5,))))
