"""A formula with a caret below the place that an error names."""

from shared.errors import FormulaError
from shared.formula.syntax import position_in

WIDEST = 72
"""Characters of a line that are shown, around the place."""
CUT = "..."


class MarkedFormulaError(FormulaError):
    """A formula error of which the formula is known: below its one line, the formula and a caret.

    Args:
        error: as the coordinator said it.
        formula: what was asked for.
    """

    def __init__(self, error: FormulaError, formula: str) -> None:
        self.formula = formula
        super().__init__(error.message, where=error.where, remedy=error.remedy, code=error.code)

    def __str__(self) -> str:
        shown = marked(self.formula, self.where)
        return f"{super().__str__()}\n{shown}" if shown else super().__str__()


def marked(formula: str, where: str) -> str:
    """The line of the formula that an error is about, and a caret below the place; empty if it names none.

    Args:
        formula: as the analyst wrote it.
        where: of a FormulaError.
    """
    position = position_in(where)
    if position is None or position > len(formula):
        return ""
    begin = formula.rfind("\n", 0, position) + 1
    line = formula[begin:].partition("\n")[0].replace("\t", " ")
    line, caret = _window(line, position - begin)
    return f"    {line}\n    {' ' * caret}^"


def _window(line: str, caret: int) -> tuple[str, int]:
    """What is shown of a long line, and where the caret is in it."""
    if len(line) <= WIDEST:
        return line, caret
    start = max(0, min(caret - WIDEST // 2, len(line) - WIDEST))
    before, after = CUT if start > 0 else "", CUT if start + WIDEST < len(line) else ""
    return before + line[start : start + WIDEST] + after, caret - start + len(before)
