"""Every fault that this project raises on purpose.

FedglmmError
├── RequestError            the analyst's request cannot be carried out as it stands
│   ├── FormulaError        the formula's text, at a position
│   └── NoResultError       an analysis has no result, or none yet
├── DictionaryError         the consortium's dictionary is inconsistent, or lacks something
├── DataError               a site's data do not fit the specification
├── RefusedError            a site's policy does not let this leave
├── ApprovalError           a person at a site has not approved this yet
├── ContributionError       a contribution that is no contribution: shape, symmetry, a number that is not finite
├── EncodingError           numbers that cannot be written in fixed point, or bytes that are no such numbers
├── JoinError               what a site signed to take part in masked sums does not fit what was agreed
├── ProofError              a sum that is not proved to be the sum of all answers
├── VerificationError       a result is not what the sites of its roster signed
├── ConsortiumError         the consortium file is inconsistent, or does not allow this
├── SiteError               a site that cannot be reached, is late, or answers what it must not
│   └── UnreachableError    nobody answers at the coordinator's address
├── SettingsError           a settings file, a key or a port
├── StoreError              the coordinator's database, or a site's ledger or history, cannot be written or read
├── AccessError             who may ask the coordinator cannot be found out: its keys file, its issuer's keys
│   ├── CredentialsError    nobody is known by the key or the token that was shown
│   └── RoleError           who asks is known, and may not do this
└── UnknownAnalysisError    no such analysis here

Outcomes of a fit (converged, separated, ...) are values, not exceptions: shared/optimisation/outcome.py.
"""

from shared.codes import UNAUTHORISED


class FedglmmError(Exception):
    """Something went wrong in a way that this project knows.

    Attributes:
        message: what happened, in one sentence.
        where: the place: a formula's position, a column, a site, a file.
        remedy: what to do about it.
        code: a stable name for programs.
    """

    code = "error"

    def __init__(self, message: str = "", *, where: str = "", remedy: str = "", code: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.where = where
        self.remedy = remedy
        self.code = code or type(self).code
        super().__init__(str(self))

    def __str__(self) -> str:
        """Where, what, and what to do, on one line."""
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{advice}"


class RequestError(FedglmmError):
    """The request cannot be carried out as it stands."""

    code = "request"


class FormulaError(RequestError):
    """The formula cannot be read."""

    code = "formula"


class NoResultError(RequestError):
    """The analysis has no result, or none yet."""

    code = "no_result"


class DictionaryError(FedglmmError):
    """The dictionary is inconsistent."""

    code = "dictionary"


class DataError(FedglmmError):
    """The data do not fit the specification."""

    code = "data"


class RefusedError(FedglmmError):
    """The site's policy does not let this leave."""

    code = "refused"

    def __init__(self, message: str = "", *, rule: str = "", where: str = "", remedy: str = "", code: str = "") -> None:
        self.rule = rule
        super().__init__(message, where=where, remedy=remedy, code=code)


class ApprovalError(FedglmmError):
    """A person at the site has not approved this yet."""

    code = "awaiting_approval"


class ContributionError(FedglmmError):
    """A contribution has the wrong shape, is not symmetric, or holds a number that is not finite."""

    code = "contribution"


class EncodingError(FedglmmError):
    """Numbers cannot be written in fixed point, or bytes are no such numbers."""

    code = "encoding"


class JoinError(FedglmmError):
    """What a site signed to take part does not fit what was agreed."""

    code = "join"


class ProofError(FedglmmError):
    """The sum is not proved to be the sum of all answers."""

    code = "proof"


class VerificationError(FedglmmError):
    """The result is not what the sites of its roster signed."""

    code = "verification"


class ConsortiumError(FedglmmError):
    """The consortium file is inconsistent, or does not allow this."""

    code = "consortium"


class SiteError(FedglmmError):
    """A site cannot be reached or answered what it must not."""

    code = "site"


class UnreachableError(SiteError):
    """Nobody answers at the coordinator's address."""

    code = "unreachable"


class SettingsError(FedglmmError):
    """A setting is missing or wrong."""

    code = "settings"


class StoreError(FedglmmError):
    """The database cannot be written."""

    code = "store"


class AccessError(FedglmmError):
    """Who may ask cannot be found out."""

    code = "access"


class CredentialsError(AccessError):
    """Nobody is known by the key or the token that was shown."""

    code = UNAUTHORISED


class RoleError(AccessError):
    """Who asks may not do this."""

    code = "forbidden"


class UnknownAnalysisError(FedglmmError):
    """There is no such analysis."""

    code = "unknown_analysis"
