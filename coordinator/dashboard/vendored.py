"""Other people's scripts that the pages need, kept beside them; `python -m coordinator.dashboard.vendored FOLDER...` renews them.

A folder's vendored.toml names each package, its version, and for each file its place in the package and its SHA-256. Nothing is
fetched while the coordinator is installed or runs; the refresh asks npm, which knows its registry.
"""

import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MANIFEST = "vendored.toml"


def packages(folder: Path) -> list[dict[str, Any]]:
    """What a folder's manifest names: of each package name, version, licence, and files (name, from, sha256)."""
    named: list[dict[str, Any]] = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))["packages"]
    return named


def faults(folder: Path) -> list[str]:
    """The files of a folder that are not as its manifest says, in words; none if all are, and nothing else is there."""
    told = [f"{name} is not in {MANIFEST}" for name in sorted(_present(folder) - _listed(folder))]
    for package in packages(folder):
        for file in package["files"]:
            path = folder / file["name"]
            if not path.exists():
                told.append(f"{file['name']} is missing")
            elif (found := sha256(path.read_bytes()).hexdigest()) != file["sha256"]:
                told.append(f"{file['name']} has the hash {found}")
    return told


def refresh(folder: Path) -> None:
    """Takes every file anew from its package, as npm has it; also one whose hash is another, which `faults` then tells."""
    for package in packages(folder):
        with TemporaryDirectory() as place:
            wanted = f"{package['name']}@{package['version']}"
            command = ["npm", "pack", "--silent", "--pack-destination", place, wanted]
            subprocess.run(command, check=True)  # noqa: S603 -- a command of ours, with the manifest's names
            (archive,) = Path(place).glob("*.tgz")
            with tarfile.open(archive) as opened:
                for file in package["files"]:
                    member = opened.extractfile(f"package/{file['from']}")
                    assert member is not None, "a file of a package is a file"  # noqa: S101 -- the manifest's contract
                    (folder / file["name"]).write_bytes(member.read())


def _listed(folder: Path) -> set[str]:
    return {file["name"] for package in packages(folder) for file in package["files"]}


def _present(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != MANIFEST}


def main(arguments: Sequence[str]) -> int:
    """Refreshes every folder and checks its hashes; 1 if one differs."""
    told = []
    for folder in map(Path, arguments):
        refresh(folder)
        told += [f"{folder}: {fault}" for fault in faults(folder)]
    sys.stderr.writelines(f"{line}\n" for line in told)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
