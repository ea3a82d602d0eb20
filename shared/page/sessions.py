"""Who has signed in to a page: kept in its process, under ids that say nothing, until they end.

At the coordinator a session holds the key or token that was shown, and whoever looks shows it anew: so a session may what its key
may now, and ends with it. It is in memory only. A restart of the process ends all of them, and nothing that opens anything lies
on a disk.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

IDLE_SECONDS = 2 * 3600.0
"""After which a session that nobody used has ended."""
ABSOLUTE_SECONDS = 12 * 3600.0
"""After which any session has ended."""
MOST = 1000
"""Sessions at once; the one that was not used for longest makes room."""
_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Session:
    """One browser that signed in."""

    key: str = field(repr=False)
    """What was shown to sign in."""
    form_token: str = field(repr=False)
    """Stands in every form of this session, and nowhere else."""
    opened: float
    used: float


class Sessions:
    """All of them. They are opened only with a key that is valid, so nobody else fills the room.

    Args:
        clock: seconds, which never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}  # the one that was used last comes last

    def open(self, key: str) -> str:
        """A new session; returns its id, which only its browser is told."""
        now = self._clock()
        self._sessions = {one: session for one, session in self._sessions.items() if _goes_on(session, now)}
        if len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]
        session_id = token()
        self._sessions[session_id] = Session(key, token(), now, now)
        return session_id

    def find(self, session_id: str, *, by_itself: bool = False) -> Session | None:
        """The session of an id; none if it has ended.

        Args:
            session_id: what its browser was told.
            by_itself: whether a page asks, and not who reads it: that is no use of the session.
        """
        session, now = self._sessions.get(session_id), self._clock()
        if session is None or not _goes_on(session, now):
            self.end(session_id)
            return None
        if not by_itself:
            self.end(session_id)
            self._sessions[session_id] = session = replace(session, used=now)
        return session

    def end(self, session_id: str) -> None:
        """Forgets a session, if there is one."""
        self._sessions.pop(session_id, None)

    def __len__(self) -> int:
        return len(self._sessions)


def token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _goes_on(session: Session, now: float) -> bool:
    return now - session.used < IDLE_SECONDS and now - session.opened < ABSOLUTE_SECONDS
