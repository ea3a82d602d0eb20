"""Every fault that this project raises on purpose.

FedglmmError
├── RequestError            the analyst's request cannot be carried out as it stands
│   └── FormulaError        the formula's text, at a position
├── DictionaryError         the consortium's dictionary is inconsistent, or lacks something
├── DataError               a site's data do not fit the specification
├── RefusedError            a site's policy does not let this leave
├── ContributionError       a contribution that is no contribution: shape, symmetry, a number that is not finite
├── SiteError               a site that cannot be reached, is late, or answers what it must not
├── SettingsError           a settings file, a key or a port
├── StoreError              the coordinator's database, or a site's history, cannot be written or read
└── UnknownAnalysisError    no such analysis here

Outcomes of a fit (converged, separated, ...) are values, not exceptions: shared/optimisation/outcome.py.
"""


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


class ContributionError(FedglmmError):
    """A contribution has the wrong shape, is not symmetric, or holds a number that is not finite."""

    code = "contribution"


class SiteError(FedglmmError):
    """A site cannot be reached or answered what it must not."""

    code = "site"


class SettingsError(FedglmmError):
    """A setting is missing or wrong."""

    code = "settings"


class StoreError(FedglmmError):
    """The database cannot be written."""

    code = "store"


class UnknownAnalysisError(FedglmmError):
    """There is no such analysis."""

    code = "unknown_analysis"
