"""What could never cross the wire or fill the database is refused before any site is asked."""

from shared.errors import RequestError
from shared.messages import LARGEST_ANSWER
from shared.optimisation.start import grid, totals_size
from shared.parameters import ParameterLayout
from shared.specification import Specification

LARGEST_SPECIFICATION = 2**20
"""Bytes of its JSON."""
BYTES_A_NUMBER, BYTES_A_ZERO = 22, 4
"""With the comma. A float64 that uses all its digits has 19 or 20, but for signs and exponents."""
_MB = 2**20


def check_sizes(specification: Specification) -> None:
    """A specification can be kept, and a site's start for it can be answered.

    Raises:
        RequestError: it or the start would be too large.
    """
    written = len(specification.model_dump_json().encode())
    if written > LARGEST_SPECIFICATION:
        raise RequestError(
            f"its specification has {written / _MB:.1f} MB, and {LARGEST_SPECIFICATION // _MB} MB is the limit.",
            where="formula",
            remedy="Leave out interactions of long expressions, or make what they compute a variable of the dictionary.",
        )
    layout = specification.layout
    answer, which = max((start_bytes(layout), "start"), (restricted_bytes(layout), "answer to a round of REML"))
    if answer > LARGEST_ANSWER:
        p, q = layout.p, layout.q
        raise RequestError(
            f"every site's {which} would have about {answer / _MB:.0f} MB, and {LARGEST_ANSWER // _MB} MB is the limit.",
            where="formula",
            remedy=f"It has {p} columns and {q} random effects a group: use fewer, as no random slope, or merge levels.",
        )


def start_bytes(layout: ParameterLayout) -> int:
    """How long a site's start is as JSON: in every quadratic, what belongs to theta is zero."""
    p, size = layout.p, layout.size
    entries = size + size * (size + 1) // 2
    full = 1 + p + p * (p + 1) // 2 + int(bool(layout.dispersion))
    quadratic = full * BYTES_A_NUMBER + (entries - full + 1) * BYTES_A_ZERO
    return len(grid(layout)) * quadratic + totals_size(layout) * BYTES_A_NUMBER


def restricted_bytes(layout: ParameterLayout) -> int:
    """How long the information in an answer to a round of REML is as JSON; 0 for any other likelihood."""
    return layout.information_size * layout.p * (layout.p + 1) // 2 * BYTES_A_NUMBER * int(layout.restricted)
