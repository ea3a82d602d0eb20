"""Why nobody could be reached, in words: what stands behind a connection that could not be made."""

import socket
import ssl
from collections.abc import Iterator


def why(error: BaseException) -> str:
    """The reason of a connection that failed; the error's kind where there is no better word.

    Args:
        error: what the connection's library raised, with its causes.
    """
    for cause in _causes(error):
        match cause:
            case socket.gaierror():
                return "the name of its host cannot be resolved"
            case ConnectionRefusedError():
                return "nothing listens there: the connection is refused"
            case ssl.SSLCertVerificationError():
                return f"TLS: its certificate is not accepted, {cause.verify_message}"
            case ssl.SSLError():
                return "TLS: the handshake fails; does it speak https?"
    return type(error).__name__


def is_distrust(error: BaseException) -> bool:
    """Whether it is the other side's certificate that is not accepted: which no second attempt changes."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and everything that it came from."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    before = error.__cause__ or error.__context__
    if before is not None:
        yield from _causes(before)
