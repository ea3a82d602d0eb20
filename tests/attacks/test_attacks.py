"""Every attack works where its defence is off; where it is on it gets nothing, or the page says that it is not stopped."""

from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS
from tests.attacks.page import document, line
from tests.attacks.registry import NOT_STOPPED, Attack, Found, Got

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "attacks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.run.__name__)
async def test_an_attack_gets_what_its_row_of_the_page_says(attack: Attack, tmp_path: Path) -> None:
    """If the row has changed on purpose: make attack."""
    found = await attack.run(tmp_path)
    assert found.is_sound, found
    assert line(attack, found) in PAGE.splitlines()


def test_the_page_has_every_attack_once_and_what_is_said_around_them() -> None:
    rows = [row.split(" | ")[0].removeprefix("| ") for row in PAGE.splitlines() if row.startswith("| ")]
    assert rows == ["attack", *(attack.name for attack in ATTACKS)]
    around = document([(attack, Found(Got(""), Got(""), "")) for attack in ATTACKS])
    title, introduction, _, _, limits = around.split("\n\n")
    assert {title, introduction, limits.strip()} <= {part.strip() for part in PAGE.split("\n\n")}
    stopped = sum(NOT_STOPPED not in row for row in PAGE.splitlines() if row.startswith("| ")) - 1
    assert f"{len(ATTACKS)} attacks, {stopped} of them stopped." in PAGE
