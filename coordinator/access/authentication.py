"""Who asks, by what a request shows: a key, or a token."""

from dataclasses import dataclass
from typing import Protocol

from coordinator.access.key_ring import KeyRing
from coordinator.access.keys import NEW_ONE, is_made
from coordinator.access.roles import ANYBODY, COORDINATOR, Caller, Role
from coordinator.client.faults import SEND_IT
from shared.errors import AccessError, CredentialsError, RoleError
from shared.listening import leads_here


class TokenCheck(Protocol):
    """What finds out whose a token is."""

    async def caller(self, token: str) -> Caller:
        """Whoever has a token; raises AccessError and its kinds."""


@dataclass(frozen=True)
class Access:
    """The ways in. Without any, everybody may ask."""

    keys: KeyRing | None = None
    tokens: TokenCheck | None = None

    @property
    def asks(self) -> bool:
        """Whether anything has to be shown."""
        return self.keys is not None or self.tokens is not None

    async def caller(self, authorization: str, host: str = "") -> Caller:
        """Who asks.

        Args:
            authorization: the header of that name; empty without one.
            host: the header `Host`.

        Raises:
            CredentialsError: nobody is known by it.
            RoleError: the token of somebody who has no role here; or, where everybody may ask, another name than this
                machine's own led here.
            AccessError: that cannot be found out now.
        """
        if not self.asks:
            _require_own_name(host)
            return ANYBODY
        scheme, _, shown = authorization.strip().partition(" ")
        shown = shown.strip()
        if scheme.lower() != "bearer" or not shown:
            raise CredentialsError("this needs a key.", where=COORDINATOR, remedy=f"{SEND_IT} {NEW_ONE}")
        if self.tokens is not None and not is_made(shown):
            return await self.tokens.caller(shown)
        if self.keys is None:
            message = "a key was shown, and the coordinator takes tokens only."
            raise CredentialsError(message, where=COORDINATOR, remedy="Show a token of its issuer.")
        return self.keys.caller(shown)

    async def admits(self, authorization: str, host: str = "") -> bool:
        """Whether who asked would be let in to look once more, of a request whose answer goes on."""
        try:
            (await self.caller(authorization, host)).require(Role.READ)
        except AccessError:
            return False
        return True


def _require_own_name(host: str) -> None:
    """Where everybody may ask, a page elsewhere could take a name of its own for this machine's address, and ask as its own."""
    if not leads_here(host):
        raise RoleError(
            "without keys the coordinator is for its own machine, and another name led here.",
            where=COORDINATOR,
            remedy="Ask at http://127.0.0.1 with its port; or set keys_file, and show a key.",
        )
