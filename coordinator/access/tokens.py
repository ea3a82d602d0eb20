"""OpenID Connect bearer tokens: signed JSON Web Tokens (RFC 7519) of one issuer, for this coordinator.

Needs the extra `oidc`. Only algorithms with a public and a private key are known to the check at all, so that neither an
unsigned token nor one that takes a public key for a shared secret passes (RFC 8725, sections 2.1 and 3.1).
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwa import EdDSAAlgorithm, JWSAlgModel
from joserfc.jws import JWSRegistry

from coordinator.access.issuer_keys import IssuerKeys, fetch_from, read_from
from coordinator.access.roles import COORDINATOR, Caller, Role
from coordinator.settings import OidcSettings
from shared.errors import CredentialsError, RoleError

LEEWAY_SECONDS = 60
"""By how much clocks may differ."""
_SUBJECT = re.compile(r"[ -~]{1,255}")


class _EdDSA(EdDSAAlgorithm):
    """As issuers name it; RFC 9864 has newer names, with which nearly none signs yet."""

    security_warning = ""


class _Signatures(JWSRegistry):
    """The only algorithms that there are."""

    algorithms: dict[str, JWSAlgModel] = {  # noqa: RUF012 -- it takes the place of the base class's
        **{name: JWSRegistry.algorithms[name] for name in ("RS256", "ES256")},
        "EdDSA": _EdDSA(),
    }


ALGORITHMS = tuple(_Signatures.algorithms)
_REGISTRY = _Signatures(algorithms=ALGORITHMS, strict_check_header=False)  # issuers add headers of their own


class Tokens:
    """Whose a token is.

    Args:
        settings: the issuer, the audience, and the claim with the role.
        keys: the issuer's.
        now: seconds since 1970.
    """

    def __init__(self, settings: OidcSettings, keys: IssuerKeys, now: Callable[[], float] = time.time) -> None:
        self._issuer = settings.issuer
        self._role_claim = settings.role_claim
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def caller(self, token: str) -> Caller:
        """Whoever has a token.

        Raises:
            CredentialsError: it is no token of the issuer for this coordinator, or its time is over or has not come.
            RoleError: it gives no role.
            AccessError: the issuer's keys cannot be had.
        """
        kid = self._key_id(token)
        key = await self._keys.find(kid)
        if key is None:
            raise self._refusal("the token is signed with a key that its issuer does not publish.")
        try:
            claims = jwt.decode(token, key, registry=_REGISTRY).claims
            self._claims.validate(claims)
        except BadSignatureError:
            raise self._refusal("the token's signature is wrong.") from None
        except ExpiredTokenError:
            raise self._refusal("the token has expired.") from None
        except ClaimError as error:
            raise self._refusal(f"the token's claim `{error.claim}` is missing, or not as this needs it.") from None
        except (JoseError, TypeError, ValueError):
            raise self._refusal("what was shown is neither a key nor a token.") from None
        return Caller(self._name(claims), self._role(claims))

    def _key_id(self, token: str) -> str | None:
        """What the token says of its signature, which nobody has checked yet."""
        try:
            header: object = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
        except (JoseError, TypeError, ValueError):
            raise self._refusal("what was shown is neither a key nor a token.") from None
        if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
            raise self._refusal(f"the token is not signed with {', '.join(ALGORITHMS)}.")
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise self._refusal("the token does not say with which key it is signed.")
        return kid

    def _name(self, claims: Mapping[str, Any]) -> str:
        subject = claims["sub"]
        if not _SUBJECT.fullmatch(subject):
            raise self._refusal("the token's claim `sub` is missing, or not as this needs it.")
        return f"oidc:{subject}"

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The role that may most, of those in the claim; it holds one text or several."""
        given = claims.get(self._role_claim)
        names = given if isinstance(given, list) else [given]
        roles = [role for role in Role if role.value in names]
        if not roles:
            remedy = f"Ask whoever runs the issuer for one of {', '.join(Role)} in the claim `{self._role_claim}`."
            raise RoleError("the token gives no role here.", where=COORDINATOR, remedy=remedy)
        return roles[-1]

    def _refusal(self, message: str) -> CredentialsError:
        return CredentialsError(message, where=COORDINATOR, remedy=f"Get a new token from {self._issuer}.")


def tokens_of(settings: OidcSettings) -> Tokens:
    """The check that the settings ask for.

    Raises:
        SettingsError: the file with the issuer's keys holds none.
    """
    load = read_from(settings.jwks_file) if settings.jwks_file is not None else fetch_from(settings.jwks_url or "")
    return Tokens(settings, IssuerKeys(load))
