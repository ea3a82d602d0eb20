"""A bar while an analysis is waited for: by rich on a terminal, by HTML in a notebook, none where nobody would see it.

How many rounds there will be nobody knows; what is shown of the way is the Newton decrement, whose digits double once the
maximum is near. rich is loaded where there is something to draw: the import of the package is quicker without.
"""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from coordinator.client.following import Progress

if TYPE_CHECKING:
    from rich.console import Console

DIGITS = 16.0
"""Of the decrement, at the usual tolerance of 1e-16."""
Show = Callable[[Progress], None]


@contextmanager
def showing(on_progress: Show | None, *, progress: bool) -> Iterator[Show]:
    """What to call with every change: what was given, else a bar where there is a terminal or a notebook, else nothing."""
    if on_progress is not None:
        yield on_progress
    elif not progress:
        yield lambda _: None
    elif "ipykernel" in sys.modules:
        yield notebook()
    else:
        from rich.console import Console  # noqa: PLC0415 -- see above

        with terminal(Console(stderr=True)) as show:
            yield show


@contextmanager
def terminal(console: "Console") -> Iterator[Show]:
    """A line at the foot of a terminal, which is gone afterwards. Elsewhere it is not drawn."""
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 -- see above
    from rich.progress import Progress as Bars  # noqa: PLC0415 -- as above

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("submitted", total=1.0)
        way = Way()

        def show(news: Progress) -> None:
            way.take(news)
            bars.update(task, completed=way.share, description=way.words)
            if news.notice:
                console.print(news.notice, markup=False)

        yield show


def notebook() -> Show:
    """A `<progress>` in a notebook's output, with what it stands for in words."""
    output: Any = import_module("IPython.display")  # a notebook has it
    way = Way()
    handle = output.display(output.HTML(_bar(way)), display_id=True)

    def show(news: Progress) -> None:
        way.take(news)
        handle.update(output.HTML(_bar(way)))

    return show


class Way:
    """How far an analysis has come, as it is told."""

    def __init__(self) -> None:
        self.share = 0.0
        """Of the decrement's digits, 0 to 1; it never goes back."""
        self.words = "submitted"

    def take(self, news: Progress) -> None:
        """Something happened."""
        analysis = news.analysis
        self.words = news.notice or str(analysis["state"]).replace("_", " ")
        if analysis["state"] in {"paused", "awaiting_approval"}:
            self.words += f": {', '.join(analysis['waiting_for'])}"
        for entry in news.rounds:
            decrement = entry["decrement"]
            self.words = f"round {entry['round']}"
            if decrement is not None:
                self.words += f", decrement {decrement:.1e}"
                self.share = max(self.share, min(1.0, -math.log10(max(decrement, 1e-300)) / DIGITS))


def _bar(way: Way) -> str:
    words = escape(way.words)
    return f'<label><progress value="{way.share:.3f}" max="1">{words}</progress> {words}</label>'
