"""Slabs over threads: NumPy and BLAS let go of the interpreter, so the cores work side by side.

The results come in the order of the slabs, whatever the number of threads: a reply never depends on it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import Any, TypeVar

import numpy as np

from site_node.estimation.rows import Rows

Part = TypeVar("Part")
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""A map: `work` of every item, in order."""

IN_FLIGHT = 8
"""Slabs a thread that may be computed and not yet added up: bounds the memory of their results."""


def over_slabs(
    work: Callable[[Rows, Spread], Part], rows: Rows, *, threads: int | None = None, share: float = 1.0
) -> Iterator[Part]:
    """`work` of every slab, in order. A number that overflows is no fault here: who reads the results judges them.

    Args:
        work: a pure function of a slab, and of the map by which it goes over the slab's pieces.
        rows: the site's rows.
        threads: how many; as many as there are cores unless given.
        share: of the usual size of a slab.
    """
    count = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:

        def spread(of: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
            return pool.map(_quiet(of), items)  # threads start here, and none for a site of one slab

        for in_pieces, slabs in groupby(rows.slabs(share), lambda slab: len(slab.pieces()) > 1):
            if in_pieces:  # one after the other, each over all threads
                yield from (_quiet(work)(slab, spread) for slab in slabs)
            while batch := list(islice(slabs, count * IN_FLIGHT)):  # side by side, each on one thread
                yield from (spread if len(batch) > 1 else map)(_quiet(lambda slab: work(slab, map)), batch)


def _quiet(work: Callable[..., Part]) -> Callable[..., Part]:
    def quietly(*arguments: Any) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):
            return work(*arguments)

    return quietly
