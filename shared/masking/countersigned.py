"""Whether every site of a roster signed how a masked fit ended, as anybody with the consortium file can tell."""

from shared.consortium import Consortium
from shared.errors import ConsortiumError, JoinError, VerificationError
from shared.masking.result import Signed
from shared.masking.session import Agreed, Join, check_signed, session_of
from shared.request import SiteName
from shared.specification import Specification
from shared.wire import Signature, Wire

_ASK = "Ask whoever runs the coordinator for the result as it was stored, and the sites of the roster for what they signed."


class Countersigned(Wire):
    """What the sites signed, at the beginning and at the end."""

    signed: Signed
    signatures: dict[SiteName, Signature]
    """Of `signed`, by the sites that gave one."""
    joins: tuple[Join, ...]
    """In the order of the roster: `signed` holds the hash of them all, and each that of the specification."""

    @property
    def analysis(self) -> str:
        """The coordinator's id, as the first site of the roster signed it."""
        return self.joins[0].analysis if self.joins else ""

    def check(self, consortium: Consortium, specification: Specification) -> None:
        """Lets the end of a fit pass that every site of the specification's roster signed by its key in the consortium file.

        Raises:
            VerificationError: its code says which does not hold: `other_consortium`, `joins` (what the sites took part in is not
                this specification), `session`, `site_missing` or `signature`.
        """
        for one in self.joins:
            if one.consortium_sha256 != consortium.sha256:
                raise VerificationError(
                    f"it took part under another consortium file: {one.consortium_sha256}, and this is {consortium.sha256}.",
                    where=one.site,
                    remedy="Give the file that was agreed on at the time.",
                    code="other_consortium",
                )
        try:
            joins = check_signed(
                self.joins, Agreed(consortium, self.analysis, specification.sha256, specification.roster)
            )
        except (JoinError, ConsortiumError) as error:
            raise VerificationError(error.message, where=error.where, remedy=_ASK, code="joins") from None
        if session_of(joins).hex() != self.signed.session:
            message = "the end that is shown is not that of what the sites took part in."
            raise VerificationError(message, where="the session", remedy=_ASK, code="session")
        for site in specification.roster:
            self._check_site(site, consortium)

    def _check_site(self, site: str, consortium: Consortium) -> None:
        if site not in self.signatures:
            remedy = "Its log and its ledger say whether it refused; else it did not answer at the close."
            raise VerificationError("it did not sign the result.", where=site, remedy=remedy, code="site_missing")
        if not self.signed.is_signed_by(site, consortium, self.signatures[site]):
            message = "its signature is not of this result: outcome, parameters or sums are not those that it signed."
            raise VerificationError(message, where=site, remedy=_ASK, code="signature")
