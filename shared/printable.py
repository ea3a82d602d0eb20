"""Texts of others on a terminal: nothing in them speaks to it."""

import json

LINES = "\n\t"
"""What may stand between printable characters."""


def printable(text: str) -> str:
    """As it is, but for what is not printable: that is escaped as JSON has it, so that JSON stays the same JSON."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in LINES else json.dumps(one)[1:-1] for one in text)


def on_one_line(text: str) -> str:
    """The same, with line ends and tabs escaped too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")
