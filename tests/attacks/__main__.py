"""Runs every attack and prints docs/attacks.md: what each gets with a defence off and on, and what stops it."""

import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.attacks.catalogue import ATTACKS
from tests.attacks.page import document
from tests.attacks.registry import Attack, Found


async def found(wanted: tuple[Attack, ...]) -> list[tuple[Attack, Found]]:
    """One after the other, each in a folder of its own."""
    outcomes = []
    for attack in wanted:
        with TemporaryDirectory() as folder:
            outcomes.append((attack, await attack.run(Path(folder))))
    return outcomes


def main() -> None:
    """Prints the page; the exit code tells whether every attack did what its row claims."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    outcomes = asyncio.run(found(ATTACKS))
    sys.stdout.write(document(outcomes))
    if not all(one.is_sound for _, one in outcomes):
        sys.exit("An attack did not do what it must: see the table.")


if __name__ == "__main__":
    main()
