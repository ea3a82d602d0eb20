"""A disk of a megabyte that a command has to itself: a tmpfs in a mount namespace of its own, which ends with the command."""

import shutil
from pathlib import Path

MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'


class SmallDisk:
    """Seen from outside, once the command runs.

    Args:
        folder: where the command sees it; an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(folder)]
        """What runs a command with this disk."""
        self._folder = folder

    def seen_from(self, pid: int) -> Path:
        """The disk of a process."""
        return Path(f"/proc/{pid}/root{self._folder}")

    def fill(self, pid: int) -> None:
        """Leaves no room for another byte."""
        with (self.seen_from(pid) / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while filler.write(b"x" * size):
                        pass
                except OSError:
                    continue
        assert shutil.disk_usage(self.seen_from(pid)).free == 0

    def make_room(self, pid: int) -> None:
        (self.seen_from(pid) / "filler").unlink()
