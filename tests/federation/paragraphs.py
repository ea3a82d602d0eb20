"""A wire file, read back."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Exchange:
    """A paragraph of it."""

    facts: tuple[str, ...]
    asked: str
    left: str
    request: str
    answer: str

    @property
    def site(self) -> str:
        return self.facts[1]

    @property
    def path(self) -> str:
        """The last part."""
        return self.facts[3].rsplit("/", 1)[1]

    @property
    def status(self) -> str:
        return self.facts[4]

    @property
    def sha256(self) -> str:
        """Of what came back."""
        return self.facts[7]


def exchanges(path: Path) -> list[Exchange]:
    head, *paragraphs = path.read_text(encoding="utf-8").removesuffix("\n").split("\n\n")
    assert all(line.startswith("# ") for line in head.splitlines())
    return [_exchange(*paragraph.split("\n")) for paragraph in paragraphs]


def _exchange(facts: str, asked: str, left: str, request: str, answer: str) -> Exchange:
    starts = ("asked: ", "left: ", "> ", "< ")
    assert all(line.startswith(start) for line, start in zip((asked, left, request, answer), starts, strict=True))
    return Exchange(
        tuple(facts.split(" | ")), asked.partition(": ")[2], left.partition(": ")[2], request[2:], answer[2:]
    )
