"""docs/reference.md is what the code says of itself."""

from pathlib import Path

from tests.unit.reference_page import document

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_reference_is_what_make_reference_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "`make reference` writes it anew"
