"""Every attack works where its defence is off; where it is on, it gets nothing, or the page says that it is not stopped."""

from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS
from tests.attacks.registry import NOT_STOPPED, Attack

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_works_with_the_defence_off_and_with_it_on_the_rule_stops_it(
    attack: Attack, tmp_path: Path
) -> None:
    found = await attack.run(tmp_path)
    assert found.off.succeeded, found
    assert found.on.succeeded == (found.rule == NOT_STOPPED), found
    print(attack.name, found)
