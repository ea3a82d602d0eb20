"""The rounds of an analysis as a page shows them: how far the optimum was, how good the fit, how long the step. No psi."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coordinator.records import TraceEntry
from coordinator.store import Store


@dataclass(frozen=True)
class TraceRow:
    """One round."""

    entry: TraceEntry
    step: float | None
    """The length of the step that led to it, |psi - psi'|, from the psi' that was taken last; none for the first."""


def trace_of(store: Store, analysis_id: str) -> list[TraceRow]:
    """The rounds so far.

    Raises:
        UnknownAnalysisError: there is no such analysis.
        StoreError: the database cannot be read.
    """
    return trace_rows(store.trace(analysis_id), store.tried(analysis_id))


def trace_rows(entries: Sequence[TraceEntry], tried: Sequence[Sequence[float]]) -> list[TraceRow]:
    """Rounds beside the lengths of their steps; of two lists of which one may be a round ahead, the shorter counts."""
    rows: list[TraceRow] = []
    taken: Sequence[float] | None = None
    for entry, psi in zip(entries, tried, strict=False):
        step = None if taken is None else float(np.linalg.norm(np.subtract(psi, taken)))
        rows.append(TraceRow(entry, step))
        if entry.accepted or taken is None:
            taken = psi
    return rows
