"""What a site keeps of masked analyses is on the disk before it is used, is never replaced, and is gone once it is erased."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import StoreError
from site_node.release.kept import Kept, Kind

KEY = b"thirty-two bytes of a secret key"
THEN_KILLED = """
import os, signal, sys
from pathlib import Path
from site_node.release.kept import Kept, Kind
kept = Kept(Path(sys.argv[1]))
for number in range(5):
    kept.put("a", Kind.ANSWER, b"answer %d" % number, number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_what_was_put_outlives_a_process_that_is_killed_at_once(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", THEN_KILLED, str(tmp_path / "kept.db")], check=False)
    assert done.returncode == -signal.SIGKILL
    kept = Kept(tmp_path / "kept.db")
    assert [kept.get("a", Kind.ANSWER, number) for number in range(6)] == [
        *(b"answer %d" % number for number in range(5)),
        None,
    ]


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        assert Kept(tmp_path / "kept.db").put("a", Kind.ANSWER, content, 1) == b"first"


def test_at_the_end_the_key_is_in_no_file_any_more_and_the_last_answer_is(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.db")
    kept.put("a", Kind.KEY, KEY)
    kept.put("a", Kind.JOIN, b"the join")
    for number in (1, 2):
        kept.put("a", Kind.ANSWER, b"answer %d" % number, number)
    assert KEY in files(tmp_path)
    kept.end("a", b"the end", 2)
    assert KEY not in files(tmp_path)
    assert b"answer 1" not in files(tmp_path)
    again = Kept(tmp_path / "kept.db")
    assert (again.get("a", Kind.KEY), again.get("a", Kind.JOIN)) == (None, b"the join")
    assert (again.get("a", Kind.ANSWER, 2), again.get("a", Kind.END)) == (b"answer 2", b"the end")


def test_every_file_is_for_its_owner_only(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.db")
    kept.put("a", Kind.KEY, KEY)
    assert len([*tmp_path.iterdir()]) > 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert kept.get("a", Kind.KEY) == KEY


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept.db").write_bytes(b"something else, of some length" * 100)
    with pytest.raises(StoreError, match=r"kept\.db"):
        Kept(tmp_path / "kept.db")
