"""What a rehearsal refuses before it serves anything: the request, held against the dictionary that the file gave."""

from collections.abc import Sequence

from coordinator.client.federation import Policy
from coordinator.client.marking import MarkedFormulaError
from shared.dictionary import Dictionary
from shared.errors import FormulaError
from shared.request import AnalysisRequest


def check_request(
    request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[str], *, policy: Policy, column: str | None
) -> None:
    """Asks of a request what its coordinator would, and what only who split the file can know.

    Args:
        request: what will be asked.
        dictionary: of the file.
        sites: their names.
        policy: of the sites and of the coordinator.
        column: the one each of whose values is a site.

    Raises:
        RequestError: it cannot be carried out; a formula's fault is marked in the formula.
        DictionaryError: it names what the dictionary lacks.
    """
    from coordinator.request import resolve, resolve_by_policy  # noqa: PLC0415 -- the mathematics: other commands do without

    try:
        _check_groups(request.formula, column)
        (resolve if policy == "open" else resolve_by_policy)(request, dictionary, sites)
    except FormulaError as error:
        raise MarkedFormulaError(error, request.formula) from None


def _check_groups(formula: str, column: str | None) -> None:
    from shared.formula.grammar import parse  # noqa: PLC0415 -- as above
    from shared.formula.syntax import deparse, wrong  # noqa: PLC0415 -- as above
    from shared.formula.terms import expand  # noqa: PLC0415 -- as above

    for bar in expand(parse(formula).right).bars:
        if column is not None and (bar.group.kind, bar.group.value) == ("name", column):
            before = deparse(bar.node.operands[0])
            raise wrong(
                bar.group,
                f"each value of `{column}` is a site of its own here, and within it there is one group only.",
                f"Write `({before} | site)`; or deal the values out over fewer sites, with --nodes N, and keep the name.",
            )
