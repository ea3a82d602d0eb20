"""Slabs over threads: NumPy and BLAS let go of the interpreter, so the cores work side by side.

The results come in the order of the slabs, whatever the number of threads: a reply never depends on it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from site_node.estimation.rows import Rows

Part = TypeVar("Part")

IN_FLIGHT = 8
"""Slabs a thread that may be computed and not yet added up: bounds the memory of their results."""


def over_slabs(work: Callable[[Rows], Part], rows: Rows, threads: int | None = None) -> Iterator[Part]:
    """`work` of every slab, in order.

    Args:
        work: a pure function of a slab.
        rows: the site's rows.
        threads: how many; as many as there are cores unless given.
    """
    count = threads or os.cpu_count() or 1
    slabs = rows.slabs()
    with ThreadPoolExecutor(count) as pool:
        while batch := list(islice(slabs, count * IN_FLIGHT)):
            yield from _in_order(pool, work, batch)


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Rows], Part], batch: Iterable[Rows]) -> Iterator[Part]:
    slabs = list(batch)
    if len(slabs) == 1:
        yield work(slabs[0])
    else:
        yield from pool.map(work, slabs)
