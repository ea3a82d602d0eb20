"""What a rehearsal refuses before it serves anything: the request, held against the dictionary that the file gave."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from coordinator.client.federation import Policy
from coordinator.client.marking import MarkedFormulaError
from shared.dictionary import SITE, Dictionary
from shared.errors import FormulaError
from shared.request import AnalysisRequest

if TYPE_CHECKING:
    from shared.formula.syntax import Node

_DEALT = ("with --nodes `site` is the node that values of `{}` were dealt to, and means nothing.", "")
_ONE_EACH = (
    "each value of `{}` is a site of its own here, and within it there is one group only.",
    "; or deal the values out over fewer sites, with --nodes N, and keep the name",
)
"""Why a group is not what is meant, and what to do beside writing the other."""


def check_request(
    request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[str], *, policy: Policy, column: str, dealt: bool
) -> None:
    """Asks of a request what its coordinator would, and what only who split the file can know.

    Args:
        request: what will be asked.
        dictionary: of the file.
        sites: their names.
        policy: of the sites and of the coordinator.
        column: the one that the file was split by.
        dealt: whether its values were dealt out over the sites; else each is one.

    Raises:
        RequestError: it cannot be carried out; a formula's fault is marked in the formula.
        DictionaryError: it names what the dictionary lacks.
    """
    from coordinator.request import resolve, resolve_by_policy  # noqa: PLC0415 -- the mathematics: other commands do without

    try:
        _check_groups(request.formula, column, dealt=dealt)
        (resolve if policy == "open" else resolve_by_policy)(request, dictionary, sites)
    except FormulaError as error:
        raise MarkedFormulaError(error, request.formula) from None


def _check_groups(formula: str, column: str, *, dealt: bool) -> None:
    """A file that was dealt out has groups of the column, and one that was split by its values has sites."""
    from shared.formula.grammar import parse  # noqa: PLC0415 -- as above
    from shared.formula.syntax import deparse, wrong  # noqa: PLC0415 -- as above
    from shared.formula.terms import expand  # noqa: PLC0415 -- as above

    if column == SITE:
        return
    mistaken, meant = (SITE, column) if dealt else (column, SITE)
    why = _DEALT if dealt else _ONE_EACH
    for bar in expand(parse(formula).right).bars:
        levels = list(_levels(bar.group))
        for level in levels:
            if (level.kind, level.value) == ("name", mistaken):
                inner = [deparse(one) for one in levels if one.value not in {mistaken, meant}]
                written = f"({deparse(bar.node.operands[0])} {bar.node.value} {'/'.join([meant, *inner])})"
                message, more = why
                raise wrong(level, message.format(column), f"Write `{written}`{more}.")


def _levels(group: "Node") -> Iterator["Node"]:
    """The groups that are written behind a bar: of `a/b` both."""
    if (group.kind, group.value) == ("operator", "/"):
        for operand in group.operands:
            yield from _levels(operand)
    else:
        yield group
