"""docs/attacks.md: the table of all attacks, and what it is to be read with."""

from collections.abc import Iterable
from textwrap import fill

from tests.attacks.registry import NOT_STOPPED, Attack, Found

WIDTH = 130
TITLE = "# Attacks"
INTRODUCTION = (
    "Every row is a function under `tests/attacks` that attacks real sites in one process. It is run twice: with one defence "
    "off, to show that the attack works, and with everything on as it is by default. A defence is off where that one function "
    "of the site is replaced (`tests/attacks/lifted.py`), where sums are not masked, or where the policy is `open`; `stopped by` "
    "has the rule and the code of the refusal in the site's own words, or says what leaves nothing but noise. `make attack` "
    "runs them and prints this page, and a test holds it current."
)
LIMITS = (
    "*Not stopped* means what it says: with every defence on the attack gets what is in the column. What stops a "
    "covariance attack is that few columns of a variable are agreed: whoever knows as many columns of the dictionary,"
    " row by row, as a site has rows has as many equations as unknowns. Noise differs from a uniform mask only for "
    "whoever breaks X25519, HMAC-SHA-256 or AES-256. These are the attacks that we thought of; nobody outside the "
    "project has reviewed them."
)
COLUMNS = ("attack", "takes", "with the defence off", "with it on", "stopped by")


def document(outcomes: Iterable[tuple[Attack, Found]]) -> str:
    """The page, in Markdown."""
    rows = [line(attack, found) for attack, found in outcomes]
    table = "\n".join([f"| {' | '.join(COLUMNS)} |", "|-|-|-|-|-|", *rows])
    stopped = sum(NOT_STOPPED not in row for row in rows)
    count = f"{len(rows)} attacks, {stopped} of them stopped."
    return "\n\n".join([TITLE, _filled(INTRODUCTION), table, count, _filled(LIMITS)]) + "\n"


def line(attack: Attack, found: Found) -> str:
    """An attack's row."""
    cells = (attack.name, attack.by, found.off.what, found.on.what, found.rule)
    return f"| {' | '.join(cells)} |"


def _filled(text: str) -> str:
    return fill(text, WIDTH, break_on_hyphens=False)
