"""The codes of Problems that no class of shared/errors.py stands for, the same at sites and coordinator."""

UNAUTHORISED = "unauthorised"
"""The key is missing or wrong."""
UNSIGNED = "unsigned"
"""A site of a consortium was asked without the coordinator's signature."""
SIGNATURE_WRONG = "signature"
"""The signature is not the coordinator's, or of another request."""
TOO_SLOW = "too_slow"
"""A body did not come in time."""
TOO_LARGE = "too_large"
"""A body is larger than it may be."""
INTERNAL = "internal"
"""A fault of the program's own."""
NOT_FOUND = "not_found"
"""There is no such path."""
DATA_CHANGED = "data_changed"
"""A site's data are not what they were when the analysis began."""
LEDGER = "ledger"
"""A site cannot enter in its ledger what would leave it."""
_HTTP = {401: UNAUTHORISED, 404: NOT_FOUND, 405: "method_not_allowed"}


def code_of(status: int) -> str:
    """The code of what is wrong with a request before it reaches a route."""
    return _HTTP.get(status, "http")
