"""What happens to a formula's text, from the first character to the columns."""

from shared.dictionary import Dictionary, Variable
from shared.errors import FormulaError
from shared.formula.columns import design_columns
from shared.formula.grammar import parse
from shared.formula.meaning import expression, numeric
from shared.formula.terms import expand

KNOWN = Dictionary(
    variables=(
        Variable(name="y", type="number"),
        Variable(name="x", type="number"),
        Variable(name="f", type="factor", levels=("a", "b", "c")),
        Variable(name="g", type="group"),
    )
)


def read_fully(text: str) -> None:
    """Everything that happens to a formula's text."""
    formula = parse(text)
    terms = expand(formula.right)
    design_columns(terms, KNOWN)
    for bar in terms.bars:
        design_columns(bar.terms, KNOWN)
    if terms.offset:
        numeric(terms.offset, KNOWN)
    expression(formula.response, KNOWN)


def complaint(text: str) -> FormulaError | None:
    """What is wrong with a formula, if anything is."""
    try:
        read_fully(text)
    except FormulaError as error:
        return error
    return None
