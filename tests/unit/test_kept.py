"""What a site keeps of masked analyses is on the disk before it is used, is never replaced, and is gone once it is erased."""

import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import StoreError
from shared.masking.session import SKEW
from site_node.release.kept import Kept, Kind
from tests.unit.masked_sites import TOMORROW, sites

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


def test_an_analysis_that_nobody_closed_keeps_only_what_the_site_signed_once_that_has_expired(tmp_path: Path) -> None:
    joined = sites("North", "South").joins[0]
    kept = Kept(tmp_path / "kept.db")
    for analysis in ("unclosed", "closed"):
        kept.put(analysis, Kind.KEY, KEY + analysis.encode())
        kept.put(analysis, Kind.JOIN, joined.written)
        kept.put(analysis, Kind.ANSWER, b"answer of " + analysis.encode(), 1)
    kept.put("unclosed", Kind.ROOT, b"proved", 1)
    kept.end("closed", b"the end", 1)
    Kept(tmp_path / "kept.db", lambda: TOMORROW + SKEW)
    assert KEY in files(tmp_path)
    again = Kept(tmp_path / "kept.db", lambda: TOMORROW + SKEW + timedelta(seconds=1))
    assert KEY not in files(tmp_path)
    assert b"answer of unclosed" not in files(tmp_path)
    assert [again.get("unclosed", kind, number) for kind, number in ((Kind.ROOT, 1), (Kind.JOIN, 0))] == [
        None,
        joined.written,
    ]
    assert [again.get("closed", kind, number) for kind, number in ((Kind.ANSWER, 1), (Kind.END, 0))] == [
        b"answer of closed",
        b"the end",
    ]


def test_whatever_of_the_log_a_power_cut_leaves_no_answer_is_there_without_the_sum_before_it(tmp_path: Path) -> None:
    (folder := tmp_path / "site").mkdir()
    kept = Kept(folder / "kept.db")
    for number in range(4):
        kept.put("a", Kind.ROOT, b"sum %d" % number * 600, number)
        kept.put("a", Kind.ANSWER, b"answer %d" % number * 600, number + 1)
    log = (folder / "kept.db-wal").read_bytes()
    seen = set()
    for length in (*range(0, len(log), 2060), len(log)):  # a page and its header are twice as long
        (left := tmp_path / str(length)).mkdir()
        (left / "kept.db").write_bytes((folder / "kept.db").read_bytes())
        (left / "kept.db-wal").write_bytes(log[:length])
        again = Kept(left / "kept.db")
        sums = sum(again.get("a", Kind.ROOT, number) is not None for number in range(4))
        answers = sum(again.get("a", Kind.ANSWER, number + 1) is not None for number in range(4))
        assert answers <= sums <= answers + 1
        seen.add((sums, answers))
    assert len(seen) == 9


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ROOT])
def test_after_a_sum_each_other_entry_waits_for_the_disk(tmp_path: Path, kind: Kind) -> None:
    kept = Kept(tmp_path / "kept.db")
    kept.put("a", Kind.ROOT, b"a sum")
    told: list[str] = []
    kept._connection.set_trace_callback(told.append)
    kept.put("a", kind, b"entry")
    assert told[0] == "PRAGMA synchronous=FULL"
    assert told[1].startswith("INSERT")


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
