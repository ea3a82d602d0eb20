"""Links between the documents lead somewhere, and README leads to every document."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(path: Path) -> str:
    """Without what is code."""
    return re.sub(
        r"^(?:```.*?^```|    .*?)$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


def anchors(path: Path) -> set[str]:
    """The headings of a document, as a link names them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def places(path: Path) -> list[tuple[Path, str]]:
    """The files that a document leads to, and the headings in them."""
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)) if "://" not in link]
    parts = [link.partition("#") for link in links]
    return [(path.parent / file if file else path, heading) for file, _, heading in parts]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    assert [str(file) for file, _ in places(path) if not file.exists()] == []
    assert [(file.name, heading) for file, heading in places(path) if heading and heading not in anchors(file)] == []


def test_the_readme_leads_to_every_document() -> None:
    led_to = {file.resolve() for file, _ in places(ROOT / "README.md")}
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path not in led_to] == []
