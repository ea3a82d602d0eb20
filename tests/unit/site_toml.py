"""A site.toml as tests write it."""

from pathlib import Path


def site_toml(folder: Path, **changes: str) -> Path:
    written = {"name": '"A"', "data": '"data.csv"', "dictionary": '"dictionary.json"'} | changes
    path = folder / "site.toml"
    path.write_text("".join(f"{name} = {value}\n" for name, value in written.items() if value), encoding="utf-8")
    return path
