"""Who asks, and what a role lets do."""

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import RoleError

COORDINATOR = "coordinator"
"""Where a Problem about who asks lies."""


class Role(StrEnum):
    """What somebody may do; each may what those before it may."""

    READ = "read"  # look at analyses, their results, the sites and the dictionary
    RUN = "run"  # submit analyses, and cancel and delete one's own
    ADMINISTER = "administer"  # cancel and delete anybody's

    def covers(self, needed: "Role") -> bool:
        """Whether it is that role, or one that may more."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Caller:
    """Somebody who asks."""

    name: str | None
    """A key's name, or `oidc:` and a token's subject; none where everybody may ask. Analyses are owned under it."""
    role: Role

    def require(self, needed: Role) -> None:
        """Lets pass who has a role.

        Raises:
            RoleError: naming the role that is needed.
        """
        if not self.role.covers(needed):
            raise _role_error(f"this needs the role `{needed}`, and yours is `{self.role}`.", needed)

    def require_may_end(self, owner: str | None) -> None:
        """Lets pass who may cancel or delete an analysis: its owner, and whoever administers.

        Raises:
            RoleError: naming the role that is needed.
        """
        own = self.name is not None and self.name == owner
        if not own and not self.role.covers(Role.ADMINISTER):
            message = f"the analysis is not yours: that needs the role `{Role.ADMINISTER}`, and yours is `{self.role}`."
            raise _role_error(message, Role.ADMINISTER)


ANYBODY = Caller(None, Role.ADMINISTER)
"""Who asks a coordinator that has neither keys nor an issuer of tokens: it listens on loopback only."""


def _role_error(message: str, needed: Role) -> RoleError:
    remedy = f"Ask an administrator of the coordinator for the role `{needed}`."
    return RoleError(message, where=COORDINATOR, remedy=remedy)
