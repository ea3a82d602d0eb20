"""docs/model.md says where every formula stands: each file of the mathematics once, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("site_node/estimation", "shared/optimisation")


def test_every_file_of_the_mathematics_is_in_the_table_once() -> None:
    page = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    table = [line.split("|")[2] for line in page.split("## Where it is\n")[1].splitlines() if line.startswith("| ")]
    named = [name for cell in table for name in re.findall(r"`([^`]+)`", cell)]
    there = [
        str(file.relative_to(ROOT)) + ("/" if file.is_dir() else "")
        for folder in FOLDERS
        for file in sorted((ROOT / folder).iterdir())
        if not file.name.startswith("__")
    ]
    assert sorted(name for name in named if name.startswith(FOLDERS)) == sorted(there)
    assert all((ROOT / name).exists() for name in named)
