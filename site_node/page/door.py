"""How somebody gets in: by a link that is good once. Each use makes another one, told where the process was started."""

import hmac
from collections.abc import Callable

from shared.page.sessions import Sessions, token


class Door:
    """Codes, one at a time, and the sessions that they opened.

    Args:
        tell: is given each new code. Whoever reads it may come in.
        sessions: who is in.
    """

    def __init__(self, tell: Callable[[str], None], sessions: Sessions) -> None:
        self.sessions = sessions
        self._tell = tell
        self._code = ""

    def unlock(self) -> None:
        """Makes a code, and tells it."""
        self._code = token()
        self._tell(self._code)

    def enter(self, code: str) -> str | None:
        """The id of a new session for whoever shows the code, which is good no more; none for anything else."""
        if not self._code or not hmac.compare_digest(code.encode(), self._code.encode()):
            return None
        session = self.sessions.open(code)
        self.unlock()
        return session
