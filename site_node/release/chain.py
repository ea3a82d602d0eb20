"""Whether the bytes of a ledger are what was written: every line holds the hash of the one before and its own."""

from dataclasses import dataclass

from site_node.release.entry import FIRST_PREVIOUS, Sealed, unsealed


@dataclass(frozen=True)
class Fault:
    """The first line that is not what was written."""

    line: int
    message: str


@dataclass(frozen=True)
class Chain:
    """The lines of a ledger up to the first fault."""

    entries: tuple[Sealed, ...] = ()
    fault: Fault | None = None
    cut: bytes = b""
    """What stands behind the last line break: a line that a crash cut off."""

    @property
    def head(self) -> str:
        """The hash of the last entry, which stands for all of them."""
        return self.entries[-1].hash if self.entries else FIRST_PREVIOUS

    def holds(self, head: str) -> bool:
        """Whether a head that was noted once is still there: if not, entries were taken away or written anew."""
        return head == FIRST_PREVIOUS or any(head == one.hash for one in self.entries)


def read_chain(content: bytes) -> Chain:
    """Reads the lines of a ledger, as far as each follows from the one before."""
    *lines, rest = content.split(b"\n")
    entries: list[Sealed] = []
    previous = FIRST_PREVIOUS
    for number, line in enumerate(lines, start=1):
        one = unsealed(line)
        if one is None:
            return Chain(tuple(entries), Fault(number, "it is not what was written"))
        if (one.entry.number, one.entry.previous) != (number, previous):
            return Chain(tuple(entries), Fault(number, "it does not follow from the line before"))
        entries.append(one)
        previous = one.hash
    if unsealed(rest[:-1]) is not None:  # a crash cuts a line off and adds nothing
        return Chain(tuple(entries), Fault(len(lines) + 1, "its line break is not what was written"))
    return Chain(tuple(entries), cut=rest)
