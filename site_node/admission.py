"""Whether a specification is meant for a site, asked before any data are read."""

from shared.dictionary import Dictionary
from shared.errors import DataError, RefusedError
from shared.said import check_said
from shared.specification import Specification, sha256_of


def check_addressed(site: str, dictionary: Dictionary, specification: Specification) -> None:
    """A specification is meant for this site and made with this dictionary.

    Raises:
        RefusedError: its roster does not name the site.
        DataError: its dictionary is another one, or its terms are not what its formula says.
    """
    if site not in specification.roster:
        raise RefusedError(
            "the specification's roster does not name this site.",
            rule="roster",
            where="the specification",
            remedy="Ask only the sites of the roster.",
            code="not_in_roster",
        )
    if specification.dictionary_sha256 != sha256_of(dictionary):
        raise DataError(
            "the site's dictionary is not the coordinator's.",
            where="the dictionary",
            remedy="Give the site and the coordinator the same dictionary.json.",
            code="other_dictionary",
        )
    check_said(specification, dictionary)
