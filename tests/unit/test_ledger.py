"""Claims about the file in which a site writes down what leaves it."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.errors import StoreError
from site_node.release.chain import Chain, read_chain
from site_node.release.entry import FIRST_PREVIOUS, Entry, Left, Note
from site_node.release.ledger import Ledger, read_ledger

WRITERS = 4
EACH = 25


class Clock:
    """A second later each time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def note(number: int, reply: bytes = b"reply") -> Note:
    digest = hashlib.sha256(reply).hexdigest()
    left = Left(message="EvaluateReply", numbers=10, bytes=len(reply), sha256=digest)
    return Note(event="round", analysis="one", specification="5" * 64, roster=("A", "B"), round=number, left=left)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def three(path: Path) -> bytes:
    """The bytes of a small ledger."""
    ledger = Ledger(path, Clock())
    for number in (1, 2, 3):
        ledger.enter(note(number))
    return path.read_bytes()


def entries(path: Path) -> list[Entry]:
    chain = read_ledger(path)
    assert chain.fault is None
    assert not chain.cut
    return [one.entry for one in chain.entries]


def refused(path: Path) -> str:
    """Why a site that is started, and one that runs and writes again, does not."""
    before = path.read_bytes()
    told = []
    for act in (Ledger(path).open, lambda: Ledger(path).enter(note(9))):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.code == "ledger"
        assert "fedglmm-site ledger verify FOLDER" in caught.value.remedy
        told.append(caught.value.message)
    assert path.read_bytes() == before
    assert told[0] == told[1]
    return told[0]


def test_a_line_is_canonical_json_with_the_hash_of_the_line_before_and_of_itself(path: Path, three: bytes) -> None:
    previous = FIRST_PREVIOUS
    for number, line in enumerate(three.splitlines(), start=1):
        content, _, seal = line.rpartition(b',"hash":')
        told = json.loads(content + b"}")
        assert content + b"}" == json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")
        assert (told["number"], told["previous"]) == (number, previous)
        assert told["time"] == f"2026-03-01T12:00:0{number}.123+00:00"
        previous = hashlib.sha256(content + b"}").hexdigest()
        assert seal == f'"{previous}"}}'.encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_single_bit_that_is_flipped_is_found_and_ends_all_writing(path: Path, three: bytes) -> None:
    ends = [place for place, byte in enumerate(three) if byte == ord("\n")]
    for place in range(len(three)):
        line = 1 + sum(end < place for end in ends)
        for bit in range(8):
            chain = read_chain(three[:place] + bytes([three[place] ^ 1 << bit]) + three[place + 1 :])
            assert chain.fault is not None
            assert chain.fault.line == line
            assert len(chain.entries) == line - 1
    for place in (5, ends[0], len(three) // 2, ends[2] - 3, ends[2]):
        path.write_bytes(three[:place] + bytes([three[place] ^ 1]) + three[place + 1 :])
        line = 1 + sum(end < place for end in ends)
        assert refused(path).startswith(f"line {line}: it")


@pytest.mark.parametrize(
    ("order", "line"),
    [((1, 2), 1), ((0, 2), 2), ((0, 2, 1), 2), ((0, 0, 1, 2), 2), ((0, 1, 2, 0), 4)],
    ids=["the first gone", "one gone in the middle", "two swapped", "one twice", "one again at the end"],
)
def test_whole_lines_that_are_moved_taken_out_or_put_in_are_found(
    path: Path, three: bytes, order: tuple[int, ...], line: int
) -> None:
    lines = three.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    assert refused(path).startswith(f"line {line}: it does not follow from the line before.")


def test_an_empty_line_is_found(path: Path, three: bytes) -> None:
    path.write_bytes(three + b"\n")
    assert refused(path).startswith("line 4: it is not what was written.")


def test_whole_lines_that_are_missing_at_the_end_are_found_by_a_head_that_was_noted(three: bytes) -> None:
    whole, lines = read_chain(three), three.splitlines(keepends=True)
    for kept in range(3):
        shorter = read_chain(b"".join(lines[:kept]))
        assert shorter.fault is None
        assert not shorter.holds(whole.head)
        assert whole.holds(shorter.head)


def test_a_ledger_that_was_written_anew_from_the_first_line_is_found_by_a_head_that_was_noted(
    path: Path, three: bytes
) -> None:
    noted = read_chain(three).head
    path.unlink()
    for number in (1, 2, 3, 4):
        Ledger(path).enter(note(number))
    assert not read_ledger(path).holds(noted)


def test_a_running_site_notices_that_its_ledger_was_rolled_back_moved_away_or_changed(path: Path, three: bytes) -> None:
    ledger = Ledger(path, Clock())
    ledger.enter(note(4))
    whole = path.read_bytes()
    for other in (three, b"", whole.replace(b"EvaluateReply", b"EvaluateRepli", 1)):
        path.write_bytes(other)
        with pytest.raises(StoreError, match=r"line (4: the entry that was written there is gone|1: it is not)"):
            ledger.enter(note(5))
        assert path.read_bytes() == other
    path.write_bytes(whole)
    ledger.enter(note(5))
    assert [entry.number for entry in entries(path)] == [1, 2, 3, 4, 5]


def test_a_change_is_noticed_also_when_size_and_time_of_modification_are_put_back(path: Path) -> None:
    ledger = Ledger(path)
    ledger.enter(note(1))
    before, status = path.read_bytes(), path.stat()
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while path.stat().st_ctime_ns == status.st_ctime_ns and datetime.now(UTC) < deadline:
        path.write_bytes(before.replace(b"EvaluateReply", b"EvaluateRepli"))  # until the clock of files has gone on
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    with pytest.raises(StoreError, match="line 1: it is not what was written"):
        ledger.enter(note(2))


def test_a_line_that_is_cut_off_anywhere_is_set_aside_and_named_and_the_chain_goes_on(path: Path, three: bytes) -> None:
    start = three.rindex(b"\n", 0, -1) + 1
    for end in range(start + 1, len(three)):
        cut = three[start:end]
        path.write_bytes(three[:end])
        with capture_logs() as logs:
            Ledger(path, Clock()).open()
        *kept, recovered = entries(path)
        assert [entry.number for entry in kept] == [1, 2]
        assert (recovered.event, recovered.number, recovered.left) == ("recovered", 3, None)
        assert recovered.cut is not None
        assert (recovered.cut.bytes, recovered.cut.sha256) == (len(cut), hashlib.sha256(cut).hexdigest())
        aside = path.with_name(recovered.cut.file)
        assert aside.read_bytes() == cut
        assert [(log["log_level"], log["file"]) for log in logs] == [("warning", str(aside))]
        aside.unlink()


def test_a_cut_off_line_is_told_before_it_is_set_aside(three: bytes) -> None:
    assert read_chain(three[:-1]) == Chain(read_chain(three).entries[:2], cut=three.splitlines()[2])


def test_a_crash_in_the_middle_of_setting_aside_loses_no_cut_off_line(
    path: Path, three: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the file beside was written and the line taken out, and before the entry that names it."""
    path.write_bytes(three[:-10])
    with monkeypatch.context() as crash:
        crash.setattr(Ledger, "_append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Ledger(path).open()
    assert [entry.number for entry in entries(path)] == [1, 2]
    Ledger(path).enter(note(4))
    assert [entry.event for entry in entries(path)] == ["round", "round", "recovered", "round"]
    Ledger(path).enter(note(5))
    assert sum(entry.event == "recovered" for entry in entries(path)) == 1, "it is named once"


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_what_cannot_be_written_is_an_error_and_the_next_entry_takes_its_place(
    path: Path, three: bytes, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    ledger = Ledger(path, Clock())
    ledger.open()

    def full(file: int, content: bytes = b"") -> int:
        """Takes half of a line, and then there is no room."""
        if len(content) > 100:
            return os.pwrite(file, content[: len(content) // 2], 0)  # O_APPEND: at the end
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(f"site_node.release.ledger.os.{broken}", full)
        with pytest.raises(StoreError) as caught:
            ledger.enter(note(4))
    assert (caught.value.code, caught.value.where) == ("ledger", "ledger.jsonl")
    assert "No space left on device" in caught.value.message
    assert "disk full" in caught.value.remedy
    assert path.read_bytes() == three
    ledger.enter(note(4))
    assert [entry.number for entry in entries(path)] == [1, 2, 3, 4]


def test_a_line_that_neither_a_full_disk_takes_nor_can_be_taken_back_is_set_aside_later(
    path: Path, three: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(path, Clock())
    ledger.open()

    def broken(file: int, content: object = b"") -> int:
        if isinstance(content, bytes) and len(content) > 400:
            return os.pwrite(file, content[:400], 0)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        for name in ("write", "ftruncate"):
            disk.setattr(f"site_node.release.ledger.os.{name}", broken)
        with pytest.raises(StoreError, match="Input/output error"):
            ledger.enter(note(4))
    assert len(path.read_bytes()) == len(three) + 400
    ledger.enter(note(4))
    assert [entry.event for entry in entries(path)] == ["round", "round", "round", "recovered", "round"]


@pytest.mark.parametrize("place", ["none/ledger.jsonl", "."])
def test_a_place_that_cannot_be_written_is_told_at_the_start(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError, match="the ledger cannot be written") as caught:
        Ledger(tmp_path / place).open()
    assert "See `ledger` in site.toml." in caught.value.remedy


def test_an_entry_is_on_the_disk_and_so_is_the_name_of_a_new_file_before_enter_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def followed(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink())
        fsync(file)

    monkeypatch.setattr("site_node.release.ledger.os.fsync", followed)
    ledger = Ledger(path)
    ledger.enter(note(1))
    assert set(synced) == {path, path.parent}
    synced.clear()
    ledger.enter(note(2))
    assert synced == [path]


def test_the_same_reply_again_is_marked_also_after_a_restart_and_another_reply_is_not(path: Path) -> None:
    for number, reply in ((1, b"a"), (1, b"a"), (1, b"b"), (2, b"a"), (1, b"b")):
        Ledger(path).enter(note(number, reply))
    assert [entry.again for entry in entries(path)] == [False, True, False, False, True]


def test_threads_write_one_after_the_other(path: Path) -> None:
    ledger = Ledger(path)

    def write() -> None:
        for number in range(EACH):
            ledger.enter(note(number))

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in entries(path)] == list(range(1, WRITERS * EACH + 1))


def test_processes_write_one_after_the_other_into_one_chain(path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from site_node.release.entry import Note
from site_node.release.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.open()
print("ready", flush=True)
sys.stdin.readline()
for number in range({EACH}):
    ledger.enter(Note(event="round", analysis=sys.argv[2], round=number))
"""
    names = ("one", "two")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.communicate(b"go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    written = entries(path)
    for name in names:
        assert [entry.round for entry in written if entry.analysis == name] == list(range(EACH))
    assert len(written) == len(names) * EACH


def test_a_line_of_a_later_release_with_another_field_is_read_and_its_bytes_are_held_to(path: Path) -> None:
    content = b'{"event":"closed","number":1,"previous":"' + FIRST_PREVIOUS.encode() + b'","seal":"x","time":"t"}'
    digest = hashlib.sha256(content).hexdigest()
    path.write_bytes(content[:-1] + f',"hash":"{digest}"}}\n'.encode())
    Ledger(path).enter(note(1))
    assert [entry.event for entry in entries(path)] == ["closed", "round"]
