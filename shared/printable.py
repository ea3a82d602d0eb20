"""Texts of others on a terminal: nothing in them speaks to it."""

import json

LINES = "\n\t"
"""What may stand between printable characters."""
LONGEST_TEXT = 2000
"""Characters of what others wrote and a ledger keeps."""


def printable(text: str) -> str:
    """As it is, but for what is not printable: that is escaped as JSON has it, so that JSON stays the same JSON."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in LINES else json.dumps(one)[1:-1] for one in text)


def on_one_line(text: str) -> str:
    """The same, with line ends and tabs escaped too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def shown(text: str) -> str:
    """What a ledger keeps of it: on one line, blanks for what is not printable, and cut where it is too long."""
    text = text[:LONGEST_TEXT]
    if text.isprintable():  # nearly all are: a ledger holds hundreds of thousands
        return text
    return "".join(character if character.isprintable() else " " for character in text)
