"""The pictures of docs/plots.md, of fits through real sites: `python -m tests.federation.plotted` draws them anew."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.svg import standalone
from tests.federation.real_sites import coordinator_of, ended
from tests.federation.test_every_case import sites_of
from tests.reference.recipes import rehearsal

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {
    "forest.svg": ("contraception_ri", PlotName.RATIOS),
    "caterpillar.svg": ("betablocker_trial_ri", PlotName.CATERPILLAR),
}
"""By file: the reference case, and the plot of it."""


async def result_of(name: str, folder: Path) -> dict[str, Any]:
    """The result of a reference case from its file up, by the real coordinator and real sites."""
    asked = rehearsal(name, folder)
    app = coordinator_of(folder / "sites", sites_of(asked, folder / "sites"))
    view = await ended(app, formula=asked.formula, family=asked.family, link=asked.link)
    result: dict[str, Any] = view["ended_with"]
    return result


async def drawn(file: str, folder: Path) -> str:
    """What the file should hold."""
    name, which = PICTURES[file]
    return standalone(plot(which, await result_of(name, folder))) + "\n"


def main() -> None:
    for file in PICTURES:
        with TemporaryDirectory() as folder:
            (DOCS / file).write_text(asyncio.run(drawn(file, Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
